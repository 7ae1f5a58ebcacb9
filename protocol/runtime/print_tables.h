/* The generated tables behind proto_print.c: every member of every structure and command, in wire
 * order. */
#ifndef PROTO_PRINT_TABLES_H
#define PROTO_PRINT_TABLES_H

#include <stdbool.h>
#include <stdint.h>

enum proto_print_kind {
    PROTO_PRINT_SCALAR,
    PROTO_PRINT_HANDLE,
    PROTO_PRINT_STRUCT,
    PROTO_PRINT_UNION,
    PROTO_PRINT_VOID,
    PROTO_PRINT_OTHER,
};

enum proto_print_shape {
    PROTO_PRINT_VALUE,
    PROTO_PRINT_POINTER,
    PROTO_PRINT_ARRAY,
    PROTO_PRINT_FIXED,
    PROTO_PRINT_BLOB,
    PROTO_PRINT_STRING,
    PROTO_PRINT_STRINGS,
    PROTO_PRINT_POINTERS,
    PROTO_PRINT_ABSENT,
};

enum proto_print_scalar {
    PROTO_PRINT_U8,
    PROTO_PRINT_U16,
    PROTO_PRINT_U32,
    PROTO_PRINT_I8,
    PROTO_PRINT_I16,
    PROTO_PRINT_I32,
    PROTO_PRINT_F32,
    PROTO_PRINT_U64,
    PROTO_PRINT_I64,
    PROTO_PRINT_F64,
};

enum proto_print_flags {
    PROTO_PRINT_SIZES = 1, /* is the length of a sibling: sent even in partial form */
    PROTO_PRINT_IN = 2,
    PROTO_PRINT_OUT = 4,
};

struct proto_print_field {
    const char *name;
    uint8_t kind, shape, scalar;
    uint8_t scalar_size; /* bytes of an element in an array */
    uint8_t flags;
    int16_t type; /* index of the structure or, for scalars, of the enum; -1: none */
    int32_t tag;  /* unions: chosen by this */
};

struct proto_print_struct {
    const char *name;
    uint16_t first_field, field_count;
    bool has_stype, is_union;
};

struct proto_print_call {
    uint16_t first_field, field_count;
    uint8_t return_size; /* bytes in the reply, 0: void */
    bool known;
};

struct proto_print_value {
    int32_t value;
    const char *name;
};

struct proto_print_enum {
    uint32_t first_value, value_count; /* ascending */
};

extern const struct proto_print_field proto_print_fields[];
extern const struct proto_print_struct proto_print_structs[];
extern const struct proto_print_call proto_print_calls[];
extern const uint16_t proto_print_chain[]; /* chain table index -> structure */
extern const struct proto_print_value proto_print_values[];
extern const struct proto_print_enum proto_print_enums[];
extern const uint16_t proto_print_result_enum;

#endif
