/* The cube's texture, painted here so that no file is needed: a frame, a chequered ground, and a V.
 */
#include "tools/demo/demo.h"

#include <math.h>

struct colour {
    float r, g, b;
};

static const struct colour dark = {0.12f, 0.16f, 0.30f};
static const struct colour pale = {0.18f, 0.24f, 0.42f};
static const struct colour gold = {0.96f, 0.72f, 0.24f};
static const struct colour white = {0.97f, 0.96f, 0.92f};

/* Distance from (x, y) to the segment from (ax, ay) to (bx, by). */
static float
distance_to_segment(float x, float y, float ax, float ay, float bx, float by)
{
    float dx = bx - ax, dy = by - ay;
    float along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy);
    along = fminf(fmaxf(along, 0.0f), 1.0f);
    return hypotf(x - ax - along * dx, y - ay - along * dy);
}

static struct colour
colour_at(float x, float y)
{
    float edge = fminf(fminf(x, 1 - x), fminf(y, 1 - y));
    if (edge < 0.05f) {
        return gold;
    }
    float stroke = fminf(distance_to_segment(x, y, 0.28f, 0.26f, 0.5f, 0.74f),
                         distance_to_segment(x, y, 0.72f, 0.26f, 0.5f, 0.74f));
    if (stroke < 0.07f) {
        return white;
    }
    return ((int)(x * 8) + (int)(y * 8)) % 2 ? dark : pale;
}

static uint8_t
to_byte(float value)
{
    return (uint8_t)(value * 255.0f + 0.5f);
}

void
demo_texture_paint(uint8_t *rgba, uint32_t size)
{
    for (uint32_t row = 0; row < size; row++) {
        for (uint32_t column = 0; column < size; column++, rgba += 4) {
            struct colour colour =
                colour_at(((float)column + 0.5f) / (float)size, ((float)row + 0.5f) / (float)size);
            rgba[0] = to_byte(colour.r);
            rgba[1] = to_byte(colour.g);
            rgba[2] = to_byte(colour.b);
            rgba[3] = 255;
        }
    }
}
