// Baseline JPEGs at an eighth of their size.
//
// At that scale a block of brightness is one pixel, its mean, so all of its other coefficients are read
// for their length alone: one look at the next PEEK bits skips as many of them as lie in it whole. Colour
// at half resolution keeps two by two pixels of a block, which need the coefficients. The result equals
// libjpeg-turbo's to the bit (its reduced inverse DCT, jidctred.c, and its way to RGB, jdcolor.c).
//
// What is not plain (progressive, other samplings, anything damaged) is left to the caller: `decode` gives
// 0. Compiled to WebAssembly by scripts/build_eighth.py: a file can hurt nothing but this room.
// The format: ITU-T T.81.

#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t i32;
typedef int64_t i64;

#define INLINE static inline __attribute__((always_inline))
#define copy __builtin_memcpy
#define PEEK 13
#define MOST 28     // bits that one look skips: two fit into a filled reader
#define ENDS 256    // added to the coefficients of a skip: the block ends
#define LONG 128    // in their place: the code is longer than PEEK bits
#define PADDING 64

typedef struct {
    int known;
    // By the next bits: of one symbol and its value, how many they take, << 8 it, << 16 the value; or 0.
    u32 look[1 << PEEK];
    // By the next bits: of all coefficients that lie in them, how many they take, << 6 how many they are.
    u16 skip[1 << PEEK];
    i32 last_code[17];
    i32 offset[17];
    u8 symbols[256];
} Huffman;

typedef struct {
    int id, h, v, quant, dc_table, ac_table;
    i32 dc;
    int stride;
    u8 *plane;
} Component;

typedef struct {
    const u8 *at;
    u64 bits;      // the next bit is the highest
    int count;
} Reader;

static Huffman dc_tables[4], ac_tables[4];
static u16 quants[4][64];
static int known_quants[4];
static Component parts[3];
static int width, height, restart, has_jfif, adobe;

static const u8 zigzag[64] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// -- what a compiler may call --------------------------------------------------------------------

void *memcpy(void *to, const void *from, unsigned long size) {
    u8 *t = to;
    const u8 *f = from;
    for (; size >= 8; size -= 8, t += 8, f += 8) copy(t, f, 8);
    while (size--) *t++ = *f++;
    return to;
}

void *memset(void *to, int value, unsigned long size) {
    u8 *t = to;
    while (size--) *t++ = (u8)value;
    return to;
}

INLINE i32 signed_value(i32 v, int size) {   // T.81, F.2.2.1: the lower half stands for negative numbers
    return v - (v < 1 << size >> 1) * ((1 << size) - 1);
}

// -- Huffman tables ------------------------------------------------------------------------------

static int long_symbol(const Huffman *t, u32 bits, int from, int have) {   // -> length << 8 | symbol, or -1
    for (int length = from; length <= have && length <= 16; length++) {
        i32 code = (i32)(bits >> (have - length));
        if (code <= t->last_code[length]) return length << 8 | t->symbols[code + t->offset[length]];
    }
    return -1;
}

static int make_codes(Huffman *t, const u8 *counts, const u8 *symbols, int total, int is_ac) {
    u32 code = 0;
    int k = 0;
    for (int i = 0; i < total; i++) {
        if (!is_ac && symbols[i] > 11) return 0;
        t->symbols[i] = symbols[i];
    }
    for (int length = 1; length <= 16; length++) {
        t->offset[length] = k - (i32)code;
        for (int i = 0; i < counts[length - 1]; i++, k++, code++) {
            if (code >= (1u << length) - 1) return 0;   // a code of ones alone is not allowed
        }
        t->last_code[length] = counts[length - 1] ? (i32)code - 1 : -1;
        code <<= 1;
    }
    return 1;
}

static void make_looks(Huffman *t) {
    for (u32 window = 0; window < 1 << PEEK; window++) {
        int found = long_symbol(t, window, 1, PEEK), size = found & 15, bits = (found >> 8) + size;
        t->look[window] = 0;
        if (found < 0 || bits > PEEK) continue;
        i32 v = signed_value((i32)(window >> (PEEK - bits)) & ((1 << size) - 1), size);
        t->look[window] = (u32)bits | (u32)(found & 255) << 8 | (u32)v << 16;
    }
}

static int make_skips(Huffman *t) {
    for (u32 window = 0; window < 1 << PEEK; window++) {
        int bits = 0, go = 0;
        while (bits < PEEK) {
            int found = long_symbol(t, window & ((1u << (PEEK - bits)) - 1), 1, PEEK - bits);
            if (found < 0) break;
            int run = found >> 4 & 15, size = found & 15, length = found >> 8;
            if (!size && run != 15) {
                if (run) return 0;   // only progressive files have these
                bits += length;
                go += ENDS;
                break;
            }
            if (size > 10) return 0;
            if (go + run + 1 > 63 || bits + length + size > MOST) break;
            go += run + 1;
            bits += length + size;
        }
        t->skip[window] = (u16)(bits ? bits | go << 6 : LONG << 6);
    }
    return 1;
}

// -- bits ----------------------------------------------------------------------------------------

INLINE void fill(Reader *r) {   // to 56 bits or more; may look 8 bytes past the end
    u64 next;
    copy(&next, r->at, 8);
    r->bits |= __builtin_bswap64(next) >> r->count;
    r->at += (63 - r->count) >> 3;
    r->count |= 56;
}

INLINE void drop(Reader *r, int n) {
    r->bits <<= n;
    r->count -= n;
}

INLINE int symbol(Reader *r, const Huffman *t, i32 *value) {   // and the value behind it; -1: no such code
    u32 look = t->look[r->bits >> (64 - PEEK)];
    if (look) {
        drop(r, look & 63);
        *value = (i32)look >> 16;
        return look >> 8 & 255;
    }
    int found = long_symbol(t, (u32)(r->bits >> 48), 1, 16), size = found & 15;
    if (found < 0) return -1;
    drop(r, found >> 8);
    *value = signed_value((i32)(r->bits >> 1 >> (63 - size)), size);
    drop(r, size);
    return found & 255;
}

// -- blocks --------------------------------------------------------------------------------------

INLINE int read_dc(Reader *r, Component *c) {
    fill(r);
    i32 step;
    if (symbol(r, &dc_tables[c->dc_table], &step) < 0) return 0;
    c->dc += step;
    return c->dc >= -16384 && c->dc <= 16383;
}

INLINE int skip_ac(Reader *r, const Huffman *t) {
    int k = 1;
    for (;;) {
        u32 look;
        int to;
        for (;;) {
            fill(r);
            look = t->skip[r->bits >> (64 - PEEK)];
            to = k + (int)(look >> 6);
            if (to >= 64) break;
            drop(r, look & 63);
            k = to;
            look = t->skip[r->bits >> (64 - PEEK)];
            to = k + (int)(look >> 6);
            if (to >= 64) break;
            drop(r, look & 63);
            k = to;
        }
        if (to == 64 || (to >= ENDS && to < ENDS + 64)) {
            drop(r, look & 63);
            return 1;
        }
        fill(r);   // a long code, or what was seen lies partly in the next block
        i32 unused;
        int s = symbol(r, t, &unused);
        if (s == 0) return 1;
        if (s < 0 || (!(s & 15) && s != 0xf0)) return 0;
        k += (s >> 4) + 1;
        if (k >= 64) return k == 64;
    }
}

static int read_ac(Reader *r, const Huffman *t, const u16 *quant, i32 *block) {   // 1: all are 0; 2: not
    int any = 0;
    for (int k = 1; k < 64; k++) {
        fill(r);
        i32 v;
        int s = symbol(r, t, &v);
        if (s < 0) return 0;
        int run = s >> 4, size = s & 15;
        if (!size) {
            if (run != 15) return run ? 0 : 1 + any;
            k += 15;
            continue;
        }
        k += run;
        if (k > 63) return 0;
        if (!any) memset(block, 0, 64 * sizeof *block);
        any = 1;
        v *= quant[k];
        if (v < -16384 || v > 16383) return 0;   // the library computes these in 16 bits
        block[zigzag[k]] = v;
    }
    return 1 + any;
}

INLINE u8 clamp(i32 v) { return v < 0 ? 0 : v > 255 ? 255 : (u8)v; }

INLINE i32 rounded(i32 v, int bits) { return (v + (1 << (bits - 1))) >> bits; }

INLINE int put(i32 v, u8 *pixel) {   // the library folds what is further out than this
    *pixel = clamp(v + 128);
    return v >= -512 && v < 512;
}

static i32 odd(const i32 *b, int step) {
    return b[step] * 29692 - b[3 * step] * 10426 + b[5 * step] * 6967 - b[7 * step] * 5906;
}

static int two_by_two(const i32 *block, u8 *to, int stride) {
    i32 rows[2][8];
    for (int x = 0; x < 8; x++) {
        if (x == 2 || x == 4 || x == 6) continue;
        i32 even = block[x] * (1 << 15), other = odd(block + x, 8);
        rows[0][x] = rounded(even + other, 13);
        rows[1][x] = rounded(even - other, 13);
    }
    int fits = 1;
    for (int y = 0; y < 2; y++) {
        i32 even = rows[y][0] * (1 << 15), other = odd(rows[y], 1);
        fits &= put(rounded(even + other, 20), to + y * stride);
        fits &= put(rounded(even - other, 20), to + y * stride + 1);
    }
    return fits;
}

static int one_pixel(Reader *r, Component *c, u8 *to) {
    if (!read_dc(r, c)) return 0;
    return put(rounded(c->dc * quants[c->quant][0], 3), to) && skip_ac(r, &ac_tables[c->ac_table]);
}

static int four_pixels(Reader *r, Component *c, u8 *to) {
    i32 block[64];
    if (!read_dc(r, c)) return 0;
    i32 dc = c->dc * quants[c->quant][0];
    int seen = read_ac(r, &ac_tables[c->ac_table], quants[c->quant], block);
    if (seen == 2) {
        block[0] = dc;
        return dc >= -16384 && dc <= 16383 && two_by_two(block, to, c->stride);
    }
    int fits = put(rounded(dc, 3), to);
    to[1] = to[c->stride] = to[c->stride + 1] = to[0];
    return seen && fits;
}

// -- the file ------------------------------------------------------------------------------------

static int word(const u8 *p) { return p[0] << 8 | p[1]; }

static int read_quants(const u8 *p, const u8 *end) {
    while (p < end) {
        int id = *p & 15, wide = *p >> 4;
        p++;
        if (id > 3 || wide > 1 || end - p < 64 << wide) return 0;
        for (int i = 0; i < 64; i++, p += 1 + wide) quants[id][i] = (u16)(wide ? word(p) : *p);
        known_quants[id] = 1;
    }
    return 1;
}

static int read_tables(const u8 *p, const u8 *end) {
    while (p < end) {
        if (end - p < 17) return 0;
        int id = *p & 15, is_ac = *p >> 4, total = 0;
        for (int i = 1; i <= 16; i++) total += p[i];
        if (id > 3 || is_ac > 1 || total > 256 || end - p < 17 + total) return 0;
        Huffman *t = is_ac ? &ac_tables[id] : &dc_tables[id];
        if (!make_codes(t, p + 1, p + 17, total, is_ac) || (is_ac && !make_skips(t))) return 0;
        make_looks(t);
        t->known = 1;
        p += 17 + total;
    }
    return 1;
}

static int read_frame(const u8 *p, const u8 *end) {
    if (width || end - p != 15 || p[0] != 8 || p[5] != 3) return 0;
    height = word(p + 1);
    width = word(p + 3);
    for (int i = 0; i < 3; i++) {
        const u8 *s = p + 6 + 3 * i;
        parts[i] = (Component){.id = s[0], .h = s[1] >> 4, .v = s[1] & 15, .quant = s[2]};
        if (s[2] > 3) return 0;
    }
    int h = parts[0].h, v = parts[0].v;
    int is_plain = parts[1].h == 1 && parts[1].v == 1 && parts[2].h == 1 && parts[2].v == 1;
    return width && height && is_plain && ((h == 1 && v == 1) || (h == 2 && v == 1) || (h == 2 && v == 2));
}

static int read_scan(const u8 *p, const u8 *end) {
    if (!width || end - p != 10 || p[0] != 3 || p[7] != 0 || p[8] != 63 || p[9] != 0) return 0;
    for (int i = 0; i < 3; i++) {
        Component *c = &parts[i];
        c->dc_table = p[2 + 2 * i] >> 4;
        c->ac_table = p[2 + 2 * i] & 15;
        if (p[1 + 2 * i] != c->id || c->dc_table > 3 || c->ac_table > 3) return 0;
        if (!dc_tables[c->dc_table].known || !ac_tables[c->ac_table].known || !known_quants[c->quant]) return 0;
    }
    return 1;
}

static int is_ycc(void) {
    if (has_jfif || adobe == 1) return 1;
    return adobe < 0 && parts[0].id == 1 && parts[1].id == 2 && parts[2].id == 3;
}

static int has(const u8 *p, const char *name, int size) {
    for (int i = 0; i < size; i++)
        if (p[i] != (u8)name[i]) return 0;
    return 1;
}

static int read_segment(int marker, const u8 *p, const u8 *end) {
    switch (marker) {
    case 0xdb: return read_quants(p, end);
    case 0xc4: return read_tables(p, end);
    case 0xc0:
    case 0xc1: return read_frame(p, end);
    case 0xda: return read_scan(p, end);
    case 0xdd:
        if (end - p != 2) return 0;
        restart = word(p);
        return 1;
    case 0xe0:
        if (end - p >= 14 && has(p, "JFIF", 5)) has_jfif = 1;
        return 1;
    case 0xee:
        if (end - p >= 12 && has(p, "Adobe", 5)) adobe = p[11];
        return 1;
    default: return (marker >= 0xe1 && marker <= 0xef) || marker == 0xfe;
    }
}

static const u8 *read_head(const u8 *p, const u8 *end) {   // -> where the bits begin, or 0
    width = height = restart = has_jfif = 0;
    adobe = -1;
    for (int i = 0; i < 4; i++) known_quants[i] = dc_tables[i].known = ac_tables[i].known = 0;
    if (end - p < 2 || word(p) != 0xffd8) return 0;
    for (p += 2;;) {
        if (end - p < 4 || p[0] != 0xff) return 0;
        int marker = p[1], size = word(p + 2);
        if (size < 2 || end - p < 2 + size || !read_segment(marker, p + 4, p + 2 + size)) return 0;
        p += 2 + size;
        if (marker == 0xda) return p;
    }
}

// Gives where the next marker is, or 0; `*to` becomes the end of the bits, without what marks them.
static const u8 *unstuff(const u8 *p, const u8 *end, u8 **to) {
    u8 *o = *to;
    for (;;) {
        while (end - p >= 8) {
            u64 v;
            copy(&v, p, 8);
            copy(o, &v, 8);
            v = ~v;   // a byte of ones is now 0
            if ((v - 0x0101010101010101u) & ~v & 0x8080808080808080u) break;
            p += 8;
            o += 8;
        }
        while (p < end && *p != 0xff) *o++ = *p++;
        if (end - p < 2) return 0;
        if (p[1]) break;
        *o++ = 0xff;
        p += 2;
    }
    memset(o, 0, PADDING);
    *to = o;
    return p;
}

static int read_unit(Reader *r, int x, int y) {   // one block of each colour, and its brightness
    int h = parts[0].h, v = parts[0].v, in_quarters = v == 2;
    Component *c = parts;
    for (int j = 0; j < v; j++)
        for (int i = 0; i < h; i++)
            if (!one_pixel(r, c, c->plane + (y * v + j) * c->stride + x * h + i)) return 0;
    for (c = parts + 1; c < parts + 3; c++) {
        u8 *to = c->plane + (in_quarters ? 2 * (y * c->stride + x) : y * c->stride + x);
        if (!(in_quarters ? four_pixels(r, c, to) : one_pixel(r, c, to))) return 0;
    }
    return 1;
}

static int read_units(const u8 *p, const u8 *end, u8 *room, int across, int down) {
    int left = across * down, x = 0, y = 0, next = 0;
    while (left) {
        u8 *stop = room;
        p = unstuff(p, end, &stop);
        if (!p) return 0;
        Reader r = {room, 0, 0};
        int count = restart && restart < left ? restart : left;
        left -= count;
        for (int i = 0; i < 3; i++) parts[i].dc = 0;
        while (count--) {
            if (!read_unit(&r, x, y) || r.at > stop + 8) return 0;
            if (++x == across) x = 0, y++;
        }
        i64 spare = 8 * (i64)(stop - r.at) + r.count;
        if (spare < 0 || spare > 7 || (left && p[1] != 0xd0 + next)) return 0;
        next = (next + 1) & 7;
        if (left) p += 2;
    }
    return p[1] == 0xd9;
}

static void to_rgb(u8 *to, int across, int down) {
    int half = parts[0].h == 2 && parts[0].v == 1;   // colour is as wide as brightness, or half as wide
    for (int y = 0; y < down; y++) {
        const u8 *light = parts[0].plane + y * parts[0].stride;
        const u8 *blue = parts[1].plane + y * parts[1].stride, *red = parts[2].plane + y * parts[2].stride;
        for (int x = 0; x < across; x++, to += 3) {
            i32 l = light[x], cb = blue[x >> half] - 128, cr = red[x >> half] - 128;
            to[0] = clamp(l + rounded(91881 * cr, 16));
            to[1] = clamp(l + rounded(-22554 * cb - 46802 * cr, 16));
            to[2] = clamp(l + rounded(116130 * cb, 16));
        }
    }
}

// Give the address of ceil(wide / 8) x ceil(high / 8) RGB pixels, or 0 if the file is none of ours.
// The file lies at `data`; all from its end to `end_of_room` is ours to write.
__attribute__((export_name("decode"))) u8 *decode(u8 *data, u32 size, int wide, int high, u8 *end_of_room) {
    const u8 *end = data + size, *bits = read_head(data, end);
    if (!bits || width != wide || height != high || !is_ycc()) return 0;
    int h = parts[0].h, v = parts[0].v;
    int across = (width + 8 * h - 1) / (8 * h), down = (height + 8 * v - 1) / (8 * v);
    u64 light = (u64)(across * h) * (u64)(down * v), colour = v == 2 ? light : (u64)across * (u64)down;
    u64 stuffed = (u64)(end - bits) + PADDING;
    if (stuffed + light + 2 * colour + 3 * light > (u64)(end_of_room - end)) return 0;
    u8 *room = data + size;
    parts[0].plane = room + stuffed;
    parts[1].plane = parts[0].plane + light;
    parts[2].plane = parts[1].plane + colour;
    parts[0].stride = across * h;
    parts[1].stride = parts[2].stride = v == 2 ? across * 2 : across;
    if (!read_units(bits, end, room, across, down)) return 0;
    u8 *pixels = parts[2].plane + colour;
    to_rgb(pixels, (width + 7) / 8, (height + 7) / 8);
    return pixels;
}
