/* SPDX-License-Identifier: Apache-2.0 */
/* The diagram. Horizontal axis: percentiles; each step covers nine tenths of the remaining calls
 * (90 %, 99 %, ...). Vertical axis: time, logarithmic. */
#include "weir-bench/report.h"

#include <math.h>

enum { LEFT = 90, TOP = 50, WIDTH = 640, HEIGHT = 320, POINTS = 256 };

struct scale {
    double nines;       /* number of horizontal steps */
    double least, most; /* logarithms of the vertical bounds */
};

static double
across(const struct scale *scale, double nines)
{
    return LEFT + WIDTH * nines / scale->nines;
}

static double
up(const struct scale *scale, double nanoseconds)
{
    double part = (log10(nanoseconds) - scale->least) / (scale->most - scale->least);

    return TOP + HEIGHT * (1 - part);
}

static double
at_least_one(uint64_t time)
{
    return time > 0 ? (double)time : 1;
}

static struct scale
scale_of(const struct histogram *histogram)
{
    struct scale scale;

    scale.nines = fmax(1, ceil(log10((double)histogram->count)));
    scale.least = floor(log10(at_least_one(histogram_at(histogram, 0))));
    scale.most = fmax(scale.least + 1, ceil(log10(at_least_one(histogram->most))));
    return scale;
}

static void
draw_text(FILE *out, double x, double y, const char *anchor, const char *text)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    for (; *text != '\0'; text++) {
        if (*text == '<' || *text == '>' || *text == '&' || *text == '"')
            fprintf(out, "&#%d;", *text);
        else
            fputc(*text, out);
    }
    fputs("</text>\n", out);
}

static void
draw_line(FILE *out, double x1, double y1, double x2, double y2)
{
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x1, y1, x2, y2);
}

static void
draw_grid(FILE *out, const struct scale *scale)
{
    char text[REPORT_TIME];

    for (int i = 0; i <= (int)scale->nines; i++) {
        draw_line(out, across(scale, i), TOP, across(scale, i), TOP + HEIGHT);
        snprintf(text, sizeof(text), "%.*f %%", i > 2 ? i - 2 : 0, 100 * (1 - pow(10, -i)));
        draw_text(out, across(scale, i), TOP + HEIGHT + 20, "middle", text);
    }
    for (int power = (int)scale->least; power <= (int)scale->most; power++) {
        double y = up(scale, pow(10, power));

        draw_line(out, LEFT, y, LEFT + WIDTH, y);
        report_time(pow(10, power), text);
        draw_text(out, LEFT - 8, y + 4, "end", text);
    }
}

static void
draw_curve(FILE *out, const struct scale *scale, const struct histogram *histogram)
{
    fputs("<polyline points=\"", out);
    for (int i = 0; i <= POINTS; i++) {
        double nines = scale->nines * i / POINTS;

        fprintf(out, "%.1f,%.1f ", across(scale, nines),
            up(scale, at_least_one(histogram_at(histogram, 1 - pow(10, -nines)))));
    }
    fputs("\"/>\n", out);
}

void
report_svg(const struct options *options, const struct tally *tally, FILE *out)
{
    struct scale scale = scale_of(&tally->latency);
    char title[512];

    fprintf(out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
        "font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n"
        "<style>line{stroke:#ddd}polyline{fill:none;stroke:#06c;stroke-width:2}</style>\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
        LEFT + WIDTH + 40, TOP + HEIGHT + 50);
    snprintf(title, sizeof(title), "%s, %u x %u: time of a %s, by share", options->method,
        options->connections, options->streams,
        options->kind == WEIR_BIDI_STREAM ? "round trip" : "call");
    draw_text(out, LEFT, TOP - 20, "start", title);
    if (tally->latency.count > 0) {
        draw_grid(out, &scale);
        draw_curve(out, &scale, &tally->latency);
    } else {
        draw_text(out, LEFT, TOP + 20, "start", "no call was answered");
    }
    fputs("</svg>\n", out);
}
