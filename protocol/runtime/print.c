/* The printer: walks bytes by the generated tables. A line looks like
 *   vkCreateFence(device=3, pCreateInfo={flags=0}, pAllocator=NULL, pFence=33) */
#include "protocol/proto_print.h"

#include <inttypes.h>

#include "protocol/proto_commands.h"
#include "protocol/runtime/chain.h"
#include "protocol/runtime/print_tables.h"

enum {
    MAX_DEPTH = 1024,         /* of nested structures and chains */
    MAX_PRINTED_BYTES = 16,   /* of a blob */
    MAX_PRINTED_ITEMS = 1024, /* of an array; the rest is walked silently */
};

struct printer {
    FILE *out;
    struct wire_reader *in;
    unsigned depth;
    const char *reason; /* why the bytes make no sense */
};

enum form { FORM_FULL, FORM_PARTIAL, FORM_FRAMING };

static void print_struct(struct printer *p, int type, enum form form);
static void print_members(struct printer *p, uint16_t first, uint16_t count, enum form form);

static void
fail(struct printer *p, const char *reason)
{
    if (!p->in->failed) {
        p->reason = reason;
    }
    p->in->failed = true;
}

static void
print_enum(struct printer *p, int type, int32_t value)
{
    const struct proto_print_enum *e = &proto_print_enums[type];
    for (uint32_t i = 0; i < e->value_count; i++) {
        const struct proto_print_value *candidate = &proto_print_values[e->first_value + i];
        if (candidate->value == value) {
            fputs(candidate->name, p->out);
            return;
        }
    }
    fprintf(p->out, "%" PRId32, value);
}

static void
print_scalar(struct printer *p, const struct proto_print_field *f)
{
    switch ((enum proto_print_scalar)f->scalar) {
    case PROTO_PRINT_U8: fprintf(p->out, "%u", wire_read_u8(p->in)); break;
    case PROTO_PRINT_U16: fprintf(p->out, "%u", wire_read_u16(p->in)); break;
    case PROTO_PRINT_I8: fprintf(p->out, "%d", wire_read_i8(p->in)); break;
    case PROTO_PRINT_I16: fprintf(p->out, "%d", wire_read_i16(p->in)); break;
    case PROTO_PRINT_U32: fprintf(p->out, "%" PRIu32, wire_read_u32(p->in)); break;
    case PROTO_PRINT_F32: fprintf(p->out, "%g", (double)wire_read_f32(p->in)); break;
    case PROTO_PRINT_U64: fprintf(p->out, "%" PRIu64, wire_read_u64(p->in)); break;
    case PROTO_PRINT_I64: fprintf(p->out, "%" PRId64, wire_read_i64(p->in)); break;
    case PROTO_PRINT_F64: fprintf(p->out, "%g", wire_read_f64(p->in)); break;
    case PROTO_PRINT_I32:
        if (f->type >= 0) {
            print_enum(p, f->type, wire_read_i32(p->in));
        } else {
            fprintf(p->out, "%" PRId32, wire_read_i32(p->in));
        }
        break;
    }
}

static void
print_bytes(struct printer *p, const uint8_t *bytes, size_t size)
{
    fprintf(p->out, "<%zu bytes", size);
    for (size_t i = 0; bytes && i < size && i < MAX_PRINTED_BYTES; i++) {
        fprintf(p->out, " %02x", bytes[i]);
    }
    fputs(size > MAX_PRINTED_BYTES ? " ...>" : ">", p->out);
}

static void
print_text(struct printer *p, const uint8_t *bytes, size_t size)
{
    fputc('"', p->out);
    for (size_t i = 0; bytes && i < size && bytes[i]; i++) {
        bool plain = bytes[i] >= 0x20 && bytes[i] < 0x7f && bytes[i] != '"' && bytes[i] != '\\';
        fprintf(p->out, plain ? "%c" : "\\x%02x", bytes[i]);
    }
    fputc('"', p->out);
}

static void
print_string(struct printer *p)
{
    size_t size = wire_read_count(p->in, 1);
    if (size == 0) {
        fputs("NULL", p->out);
        return;
    }
    print_text(p, wire_read_bytes(p->in, size), size);
}

static void
print_element(struct printer *p, const struct proto_print_field *f, enum form form)
{
    switch ((enum proto_print_kind)f->kind) {
    case PROTO_PRINT_SCALAR: print_scalar(p, f); break;
    case PROTO_PRINT_HANDLE: fprintf(p->out, "%" PRIu64, wire_read_u64(p->in)); break;
    default: print_struct(p, f->type, form); break;
    }
}

/* 8- and 16-bit elements lie tightly in arrays. */
static void
print_packed(struct printer *p, const struct proto_print_field *f, size_t count)
{
    if (f->scalar_size == 1) {
        const uint8_t *bytes = wire_read_bytes(p->in, count);
        bool text = bytes && count > 1 && memchr(bytes, 0, count) && bytes[0] >= 0x20;
        (text ? print_text : print_bytes)(p, bytes, count);
        return;
    }
    const uint8_t *bytes = wire_read_bytes(p->in, count * 2);
    print_bytes(p, bytes, count * 2);
}

static void
print_items(struct printer *p, const struct proto_print_field *f, size_t count, enum form form)
{
    if (f->kind == PROTO_PRINT_SCALAR && f->scalar_size < 4) {
        print_packed(p, f, count);
        return;
    }
    FILE *out = p->out;
    fputc('[', out);
    for (size_t i = 0; i < count && !p->in->failed; i++) {
        if (i < MAX_PRINTED_ITEMS) {
            fputs(i ? ", " : "", out);
            print_element(p, f, form);
        } else if (f->kind == PROTO_PRINT_SCALAR || f->kind == PROTO_PRINT_HANDLE) {
            size_t each = f->kind == PROTO_PRINT_HANDLE ? 8 : f->scalar_size;
            fprintf(out, ", ... %zu more", count - i);
            (void)wire_read_raw(p->in, (count - i) * each);
            break;
        } else {
            fail(p, "an array too long to print");
        }
    }
    fputc(']', out);
}

/* What an element occupies at least; it bounds the count that a stream may claim. */
static size_t
least_size(const struct proto_print_field *f, enum form form)
{
    if (f->kind == PROTO_PRINT_SCALAR) {
        return f->scalar_size;
    }
    return f->kind == PROTO_PRINT_HANDLE || form == FORM_FULL ? 4 : 0;
}

static size_t
read_count(struct printer *p, const struct proto_print_field *f, enum form form)
{
    size_t least = least_size(f, form);
    if (least > 0) {
        return wire_read_count(p->in, least);
    }
    uint64_t count = wire_read_u64(p->in);
    if (count > UINT32_MAX) {
        fail(p, "an absurd array length");
    }
    return p->in->failed ? 0 : (size_t)count;
}

static void
print_framing(struct printer *p)
{
    uint64_t count = wire_read_u64(p->in);
    if (count) {
        fprintf(p->out, "out[%" PRIu64 "]", count);
    } else {
        fputs("NULL", p->out);
    }
}

static void
print_array(struct printer *p, const struct proto_print_field *f, enum form form)
{
    size_t count = read_count(p, f, form);
    if (count == 0) {
        fputs("NULL", p->out);
    } else {
        print_items(p, f, count, form);
    }
}

static void
print_blob(struct printer *p)
{
    size_t size = wire_read_count(p->in, 1);
    if (size == 0) {
        fputs("NULL", p->out);
    } else {
        print_bytes(p, wire_read_bytes(p->in, size), size);
    }
}

static void
print_lists(struct printer *p, const struct proto_print_field *f)
{
    size_t count = wire_read_count(p->in, 8);
    fputc('[', p->out);
    for (size_t i = 0; i < count && !p->in->failed; i++) {
        fputs(i ? ", " : "", p->out);
        if (f->shape == PROTO_PRINT_STRINGS) {
            print_string(p);
        } else {
            print_array(p, f, FORM_FULL);
        }
    }
    fputc(']', p->out);
}

static void
print_field(struct printer *p, const struct proto_print_field *f, enum form form)
{
    bool structure = f->kind == PROTO_PRINT_STRUCT;
    if (form != FORM_FULL && !structure) {
        print_framing(p);
        return;
    }
    switch ((enum proto_print_shape)f->shape) {
    case PROTO_PRINT_VALUE: print_element(p, f, form); break;
    case PROTO_PRINT_POINTER:
        if (wire_read_u64(p->in)) {
            print_element(p, f, form);
        } else {
            fputs("NULL", p->out);
        }
        break;
    case PROTO_PRINT_ARRAY:
    case PROTO_PRINT_FIXED: print_array(p, f, form); break;
    case PROTO_PRINT_BLOB: print_blob(p); break;
    case PROTO_PRINT_STRING: print_string(p); break;
    case PROTO_PRINT_STRINGS:
    case PROTO_PRINT_POINTERS: print_lists(p, f); break;
    case PROTO_PRINT_ABSENT:
        if (wire_read_u64(p->in)) {
            fail(p, "a pointer that has no wire form is present");
        }
        fputs("NULL", p->out);
        break;
    }
}

/* Members of a partial structure that nobody sends. */
static bool
silent(const struct proto_print_field *f, enum form form)
{
    bool inline_data = f->shape == PROTO_PRINT_VALUE || f->shape == PROTO_PRINT_FIXED;
    bool data = f->kind == PROTO_PRINT_SCALAR || f->kind == PROTO_PRINT_UNION;
    return form == FORM_PARTIAL && inline_data && data && !(f->flags & PROTO_PRINT_SIZES);
}

static void
print_members(struct printer *p, uint16_t first, uint16_t count, enum form form)
{
    const char *separator = "";
    for (uint16_t i = 0; i < count && !p->in->failed; i++) {
        const struct proto_print_field *f = &proto_print_fields[first + i];
        if (silent(f, form)) {
            continue;
        }
        fprintf(p->out, "%s%s=", separator, f->name);
        bool full = (f->flags & PROTO_PRINT_SIZES) || f->kind == PROTO_PRINT_HANDLE;
        print_field(p, f, full ? FORM_FULL : form);
        separator = ", ";
    }
}

static void
print_chain(struct printer *p, enum form form)
{
    if (wire_read_u64(p->in) == 0) {
        return;
    }
    int32_t stype = wire_read_i32(p->in);
    int index = proto_chain_index(stype);
    if (index < 0 || ++p->depth > MAX_DEPTH) {
        fail(p, "an unknown structure in a pNext chain");
        return;
    }
    print_chain(p, form);
    p->depth--;
    const struct proto_print_struct *s = &proto_print_structs[proto_print_chain[index]];
    fprintf(p->out, "+%s{", s->name);
    print_members(p, s->first_field, s->field_count, form);
    fputs("} ", p->out);
}

static void
print_union(struct printer *p, const struct proto_print_struct *s)
{
    int32_t tag = wire_read_i32(p->in);
    for (uint16_t i = 0; i < s->field_count; i++) {
        const struct proto_print_field *f = &proto_print_fields[s->first_field + i];
        if (f->tag == tag) {
            fprintf(p->out, "%s=", f->name);
            print_field(p, f, FORM_FULL);
            return;
        }
    }
    fail(p, "an unknown union tag");
}

static void
print_struct(struct printer *p, int type, enum form form)
{
    const struct proto_print_struct *s = &proto_print_structs[type];
    if (++p->depth > MAX_DEPTH) {
        fail(p, "structures nested too deep");
        return;
    }
    fputc('{', p->out);
    if (s->has_stype) {
        (void)wire_read_i32(p->in);
        print_chain(p, form);
    }
    if (s->is_union) {
        print_union(p, s);
    } else {
        print_members(p, s->first_field, s->field_count, form);
    }
    fputc('}', p->out);
    p->depth--;
}

static enum form
request_form(const struct proto_print_field *f)
{
    if ((f->flags & PROTO_PRINT_IN) || f->kind == PROTO_PRINT_HANDLE) {
        return FORM_FULL;
    }
    return f->kind == PROTO_PRINT_STRUCT ? FORM_PARTIAL : FORM_FRAMING;
}

static bool
finish(struct printer *p)
{
    if (p->in->failed) {
        fprintf(p->out, " !! %s\n", p->reason ? p->reason : "the stream ends here");
        return false;
    }
    fputc('\n', p->out);
    return true;
}

static const struct proto_print_call *
print_name(struct printer *p, uint32_t number)
{
    const char *name = proto_command_name(number);
    const struct proto_print_call *call =
        name ? &proto_print_calls[proto_command_index(number)] : NULL;
    if (p->in->failed || !call || !call->known) {
        fprintf(p->out, "%s #%" PRIu32, name ? name : "?", number);
        fail(p, "no such command has a wire form");
        return NULL;
    }
    fputs(name, p->out);
    return call;
}

bool
proto_print_command(FILE *out, struct wire_reader *in)
{
    struct printer p = {.out = out, .in = in};
    const struct proto_print_call *call = print_name(&p, wire_read_u32(in));
    if (!call) {
        return finish(&p);
    }
    uint32_t flags = wire_read_u32(in);
    fputs(flags & PROTO_COMMAND_GENERATE_REPLY ? "?(" : "(", out);
    for (uint16_t i = 0; i < call->field_count && !in->failed; i++) {
        const struct proto_print_field *f = &proto_print_fields[call->first_field + i];
        fprintf(out, "%s%s=", i ? ", " : "", f->name);
        print_field(&p, f, request_form(f));
    }
    fputc(')', out);
    return finish(&p);
}

bool
proto_print_reply(FILE *out, struct wire_reader *in)
{
    struct printer p = {.out = out, .in = in};
    const struct proto_print_call *call = print_name(&p, wire_read_u32(in));
    if (!call) {
        return finish(&p);
    }
    fputs(" -> ", out);
    if (call->return_size == 4) {
        print_enum(&p, proto_print_result_enum, wire_read_i32(in));
    } else if (call->return_size == 8) {
        fprintf(out, "%" PRIu64, wire_read_u64(in));
    }
    for (uint16_t i = 0; i < call->field_count && !in->failed; i++) {
        const struct proto_print_field *f = &proto_print_fields[call->first_field + i];
        if (f->flags & PROTO_PRINT_OUT) {
            fprintf(out, " %s=", f->name);
            print_field(&p, f, FORM_FULL);
        }
    }
    return finish(&p);
}

bool
proto_print_stream(FILE *out, const void *bytes, size_t size)
{
    struct wire_reader in = wire_reader_over(bytes, size);
    while (wire_reader_left(&in) > 0) {
        if (!proto_print_command(out, &in)) {
            return false;
        }
    }
    return true;
}
