/* Every context of a transformer; `layout.py` lays out what is handed over, and allocates all there is.

   `walk`: LANES contexts run side by side, each in a lane of its own. They begin with other tokens and go on alike, one
   token at a time, depth first; the keys and values of what came before are kept. The operations are those of
   zoo/transformer/forward.py, under the same names, for one new row in each lane, in double precision; weights of zero
   are left out. `listed`: the same for contexts that are given. `sums`: the tile of running_sums.py.

   Lanes are never added up, and no two operations are made one: the result is the same whatever the processor. */

#include <float.h>
#include <math.h>
#include <stdint.h>

#if defined __FAST_MATH__ || FLT_EVAL_METHOD != 0
#error "each operation should round once, to double"
#endif

#define LANES 16
#define SIDE 256 /* contexts that are ranked together at most */
#define LASTS 2 /* last tokens that are gone through together at most */
#define EACH for (int l = 0; l < LANES; l++)
typedef double Lanes[LANES];

typedef struct {                /* a linear map, of each output the inputs that have a weight: zoo.enumeration.layout */
    int64_t outputs;
    const int64_t *start, *input;
    const double *weight, *bias;
} Map;
typedef struct { const double *weight, *bias; double eps; } Norm; /* without a weight there is none */
typedef struct {
    int64_t heads, gelu;        /* no heads: an Mlp */
    double multiplier;
    Norm norm;
    Map in, key, value, out;    /* in: queries, or the first map of an Mlp */
    const int64_t *scored, *mixed;  /* [heads + 1]: where the queries and keys of each begin, and its values */
    Lanes *keys, *values;       /* [position][..] */
} Layer;
typedef struct {
    int64_t vocab, d_model, layers, lead, most;
    const double *embedded;     /* [position][token][d_model] */
    const Layer *layer;
    Norm norm;
    Map readout;
    Lanes *x, *normed, *hidden, *mean, *added, *scores, *logits;
    Lanes *largest, *varies;    /* what was met: [position][layers + 1][d_model], and [position][layers + 1] */
} Model;

/* e^x = 2^k e^r. Off by less than 3 u of it, which is less than EXP_ULPS units in the last place: with k less than 2^10
   its product with the upper 32 digits of ln 2 is exact, and so is the difference; that with the lower ones rounds by
   2^-21 u and r, at most 0.347, by 0.35 u. The polynomial leaves out r^14 / 14!, 0.06 u. Its last sum rounds by u, the
   product before it by 0.42 u of e^r, all before by 0.42 times 1.4 u. The power is exact. What would be no normal
   number is zero, off by the smallest of them, and e^709 stands for what is larger: `transform` alone asks for that. */
static inline double exponential(double x)
{
    double within = x < -708.3965 ? -708.3965 : x > 709 ? 709 : x;
    double shifted = within * 0x1.71547652b82fep+0 + 0x1.8p52; /* the last digits of which are those of k */
    double k = shifted - 0x1.8p52;
    double r = (within - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33;
    double p = 1.0 / 6227020800;
    p = p * r + 1.0 / 479001600, p = p * r + 1.0 / 39916800, p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880, p = p * r + 1.0 / 40320, p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720, p = p * r + 1.0 / 120, p = p * r + 1.0 / 24, p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1, p = p * r + 1;
    union { double number; uint64_t bits; } power = {shifted};
    power.bits = (power.bits + 1023) << 52;
    return x < -708.3965 ? 0 : p * power.number;
}

void exponentials(double *x, int64_t n) { for (int64_t i = 0; i < n; i++) x[i] = exponential(x[i]); }

static void linear(const Map *map, Lanes *restrict out, const Lanes *restrict in)
{
    for (int64_t j = 0; j < map->outputs; j++) {
        Lanes sum;
        EACH sum[l] = map->bias[j];
        for (int64_t i = map->start[j]; i < map->start[j + 1]; i++) {
            const double weight = map->weight[i], *x = in[map->input[i]];
            EACH sum[l] += weight * x[l];
        }
        EACH out[j][l] = sum[l];
    }
}

/* Of the stream before a layer, or the last: how large it gets, and with a Norm how little it varies. NaN stays. */
static const Lanes *normalize(const Model *m, const Norm *norm, int64_t at, int64_t layer)
{
    const Lanes *x = m->x;
    Lanes *out = m->normed, *largest = m->largest + (at * (m->layers + 1) + layer) * m->d_model;
    for (int64_t j = 0; j < m->d_model; j++) EACH {
        double size = fabs(x[j][l]);
        largest[j][l] = size > largest[j][l] || size != size ? size : largest[j][l];
    }
    if (!norm->weight) return x;
    Lanes mean = {0}, variance = {0}, deviation;
    for (int64_t j = 0; j < m->d_model; j++) EACH mean[l] += x[j][l];
    EACH mean[l] /= m->d_model;
    for (int64_t j = 0; j < m->d_model; j++) EACH {
        out[j][l] = x[j][l] - mean[l];
        variance[l] += out[j][l] * out[j][l];
    }
    double *least = m->varies[at * (m->layers + 1) + layer];
    EACH {
        variance[l] /= m->d_model;
        deviation[l] = sqrt(variance[l] + norm->eps);
        least[l] = variance[l] < least[l] ? variance[l] : least[l];
    }
    for (int64_t j = 0; j < m->d_model; j++)
        EACH out[j][l] = out[j][l] / deviation[l] * norm->weight[j] + norm->bias[j];
    return out;
}

static void attend(const Model *m, const Layer *layer, int64_t at, const Lanes *h)
{
    Lanes *q = m->hidden, *weight = m->scores;
    const int64_t *scored = layer->scored, *mixed = layer->mixed;
    const int64_t wide = scored[layer->heads], deep = mixed[layer->heads];
    linear(&layer->in, q, h);
    linear(&layer->key, layer->keys + at * wide, h);
    linear(&layer->value, layer->values + at * deep, h);
    for (int64_t head = 0; head < layer->heads; head++) {
        Lanes most, total;
        EACH most[l] = -INFINITY, total[l] = 0;
        for (int64_t i = 0; i <= at; i++) {
            Lanes score;
            EACH score[l] = 0;
            for (int64_t j = scored[head]; j < scored[head + 1]; j++) {
                const double *k = layer->keys[i * wide + j];
                EACH score[l] += q[j][l] * k[l];
            }
            EACH weight[i][l] = score[l] * layer->multiplier;
            EACH most[l] = weight[i][l] > most[l] ? weight[i][l] : most[l];
        }
        for (int64_t i = 0; i <= at; i++) {
            EACH weight[i][l] = exponential(weight[i][l] - most[l]);
            EACH total[l] += weight[i][l];
        }
        for (int64_t j = mixed[head]; j < mixed[head + 1]; j++) {
            Lanes sum;
            EACH sum[l] = 0;
            for (int64_t i = 0; i <= at; i++) {
                const double *v = layer->values[i * deep + j];
                EACH sum[l] += weight[i][l] * v[l];
            }
            EACH m->mean[j][l] = sum[l] / total[l];
        }
    }
    linear(&layer->out, m->added, m->mean);
}

/* gelu is x (1 + tanh z) / 2 = x / (1 + e^-2z). `Rounding.gelu` allows 8 u |x|: the 8 roundings of z are 4 u of
   1 + tanh z, as there, 2 u of its half; e^-2z is off by 3 u and felt by a quarter; a sum and a quotient: 2 u. */
static void transform(const Model *m, const Layer *layer, const Lanes *h)
{
    Lanes *hidden = m->hidden;
    linear(&layer->in, hidden, h);
    for (int64_t j = 0; j < layer->in.outputs; j++)
        if (layer->gelu) EACH {
            double x = hidden[j][l], twice = 0x1.9884533d43651p+0 * (x + 0.044715 * x * x * x); /* 2 sqrt(2 / pi) */
            hidden[j][l] = x / (1 + exponential(-twice));
        } else EACH hidden[j][l] = hidden[j][l] < 0 ? 0 : hidden[j][l];
    linear(&layer->out, m->added, hidden);
}

static void embed(const Model *m, int64_t at, const int64_t *token)
{
    for (int64_t j = 0; j < m->d_model; j++)
        EACH m->x[j][l] = m->embedded[(at * m->vocab + token[l]) * m->d_model + j];
}

static void unembed(const Model *m, const Lanes *h) { linear(&m->readout, m->logits, h); }

/* The logits after one token more in each lane, at a position. */
static void row(const Model *m, int64_t at, const int64_t *token)
{
    embed(m, at, token);
    for (int64_t i = 0; i < m->layers; i++) {
        const Layer *layer = m->layer + i;
        const Lanes *h = normalize(m, &layer->norm, at, i);
        if (layer->heads) attend(m, layer, at, h);
        else transform(m, layer, h);
        for (int64_t j = 0; j < m->d_model; j++) EACH m->x[j][l] += m->added[j][l];
    }
    unembed(m, normalize(m, &m->norm, at, m->layers));
}

/* Of some contexts the first largest logit, and by how much it beats the next; NaN where one is none, or infinite. */
typedef struct { double token[SIDE], best[SIDE], second[SIDE], unknown[SIDE]; } Rank;

static inline void first_two(Rank *restrict rank, const double *restrict x, const double *restrict y, int contexts)
{
    for (int c = 0; c < contexts; c++) {
        rank->token[c] = y[c] > x[c] ? 1 : 0;
        rank->best[c] = y[c] > x[c] ? y[c] : x[c];
        rank->second[c] = y[c] > x[c] ? x[c] : y[c];
        rank->unknown[c] = x[c] * 0 + y[c] * 0;
    }
}

static inline void another(Rank *restrict rank, int64_t i, const double *restrict x, int contexts)
{
    for (int c = 0; c < contexts; c++) {
        double best = rank->best[c], second = rank->second[c], less = x[c] < best ? x[c] : best;
        rank->second[c] = less > second ? less : second;
        rank->token[c] = x[c] > best ? i : rank->token[c];
        rank->best[c] = x[c] > best ? x[c] : best;
        rank->unknown[c] += x[c] * 0;
    }
}

static inline double margin_of(const Rank *rank, int c)
{
    return rank->best[c] - rank->second[c] + rank->unknown[c];
}

/* All contexts that begin with these tokens, [lead][LANES], and have up to `most`: of each length above `lead` answers
   and margins, [lanes][vocab^(length - lead)] each, of the first lanes; `powers` has that number. */
void walk(const Model *m, int64_t lanes, const int64_t *begin, uint8_t **tokens, double **margin, const int64_t *powers)
{
    int64_t own[64], number[64], token[LANES]; /* at a depth: the token there, and the number of what comes before */
    for (int64_t at = 0; at < m->lead; at++) row(m, at, begin + at * LANES);
    own[0] = number[0] = 0;
    for (int64_t depth = 0; depth >= 0;) {
        Rank rank;
        EACH token[l] = own[depth];
        row(m, m->lead + depth, token);
        first_two(&rank, m->logits[0], m->logits[1], LANES);
        for (int64_t i = 2; i < m->readout.outputs; i++) another(&rank, i, m->logits[i], LANES);
        int64_t here = number[depth] * m->vocab + own[depth];
        for (int64_t l = 0; l < lanes; l++) {
            tokens[depth][l * powers[depth] + here] = (uint8_t)rank.token[l];
            margin[depth][l * powers[depth] + here] = margin_of(&rank, l);
        }
        if (m->lead + depth + 1 < m->most) {
            depth++, own[depth] = 0, number[depth] = here;
            continue;
        }
        while (depth >= 0 && ++own[depth] == m->vocab) depth--;
    }
}

/* Contexts of one length, one after another in each lane, [context][length][LANES], of which all lanes have the tokens
   before `from` in common with the one before: their logits, [context][output][LANES]. */
void listed(const Model *m, int64_t contexts, int64_t length, const int64_t *tokens, const int64_t *from, double *logits)
{
    for (int64_t c = 0; c < contexts; c++, tokens += length * LANES) {
        for (int64_t at = from[c]; at < length; at++) row(m, at, tokens + at * LANES);
        for (int64_t j = 0; j < m->readout.outputs; j++, logits += LANES) EACH logits[l] = m->logits[j][l];
    }
}

/* Logits are `fixed` and for each head a quotient of two sums, each of one of a first half and of a second half. */
typedef struct {
    int64_t vocab, lasts, heads, outputs, firsts, seconds;
    const double *fixed;            /* [lasts][outputs]: for so many of the last tokens */
    const double *first, *second;   /* [lasts][heads][1 + outputs][firsts or seconds] */
} Halves;

static inline void quotients(
    const Halves *h, double *restrict logit, int64_t last, int64_t i, int64_t a, int64_t b, int contexts)
{
    const double fixed = h->fixed[last * h->outputs + i];
    for (int64_t head = 0; head < h->heads; head++) {
        int64_t below = (last * h->heads + head) * (1 + h->outputs), above = below + 1 + i;
        const double f = h->first[above * h->firsts + a], g = h->first[below * h->firsts + a];
        const double *restrict s = h->second + above * h->seconds + b, *restrict t = h->second + below * h->seconds + b;
        if (!head) for (int c = 0; c < contexts; c++) logit[c] = fixed + (f + s[c]) / (g + t[c]);
        else for (int c = 0; c < contexts; c++) logit[c] += (f + s[c]) / (g + t[c]);
    }
}

/* Of some contexts the answers and margins; how many margins are not above so much. */
static inline int64_t ranked(const Halves *h, uint8_t *restrict token, double *restrict margin, double above,
    int64_t last, int64_t a, int64_t b, int contexts)
{
    double x[SIDE], y[SIDE];
    Rank rank;
    quotients(h, x, last, 0, a, b, contexts);
    quotients(h, y, last, 1, a, b, contexts);
    if (h->outputs == 2) for (int c = 0; c < contexts; c++) {
        token[c] = y[c] > x[c];
        margin[c] = fabs(y[c] - x[c]) + (x[c] * 0 + y[c] * 0);
    } else {
        first_two(&rank, x, y, contexts);
        for (int64_t i = 2; i < h->outputs; i++) {
            quotients(h, x, last, i, a, b, contexts);
            another(&rank, i, x, contexts);
        }
        for (int c = 0; c < contexts; c++) token[c] = (uint8_t)rank.token[c];
        for (int c = 0; c < contexts; c++) margin[c] = margin_of(&rank, c);
    }
    int64_t close = 0;
    for (int c = 0; c < contexts; c++) close += !(margin[c] > above);
    return close;
}

/* Some first halves with all second halves, as below; how many margins are not above so much. */
static int64_t tile(const Halves *h, int64_t from, int64_t to, uint8_t *restrict tokens, double *restrict margin, double above)
{
    int64_t close = 0;
    for (int64_t a = from; a < to; a++) for (int64_t b = 0; b < h->seconds; b += SIDE) {
        const int contexts = h->seconds - b < SIDE ? (int)(h->seconds - b) : SIDE;
        uint8_t token[LASTS][SIDE];
        for (int64_t last = 0; last < h->lasts; last++)
            close += ranked(h, token[last], margin + last * (to - from) * h->seconds, above, last, a, b, contexts);
        if (h->vocab == 2)
            for (int c = 0; c < contexts; c++) tokens[2 * c] = token[0][c], tokens[2 * c + 1] = token[1][c];
        else for (int64_t last = 0; last < h->lasts; last++)
            for (int c = 0; c < contexts; c++) tokens[c * h->vocab + last] = token[last][c];
        tokens += contexts * h->vocab, margin += contexts;
    }
    return close;
}

/* First halves with all second halves, so many together: the answers, [first half][second half][vocab] from the first
   on, and of those that were last the margins, [lasts][first half][second half]. Where one is not above so much these
   are the last: which they begin with, or where it ends. */
int64_t sums(const Halves *h, int64_t from, int64_t to, int64_t together, uint8_t *tokens, double *margin, double above)
{
    for (; from < to; from += together) {
        int64_t next = to - from < together ? to : from + together;
        if (tile(h, from, next, tokens + from * h->seconds * h->vocab, margin, above)) return from;
    }
    return to;
}
