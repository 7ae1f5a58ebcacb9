/* What the host of tests/layer/addresses_layer.c reports. */
#ifndef TEST_ADDRESSES_LAYER_H
#define TEST_ADDRESSES_LAYER_H

enum {
    ADDRESSES_SMALL = 64, /* bytes of whatever is not a buffer or memory */
};

/* No object of the application's, reported with every memory: nobody may hear of it. */
#define ADDRESSES_STRANGER 0x5712a7e6

#endif
