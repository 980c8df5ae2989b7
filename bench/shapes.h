/*
 * shapes: the shows of the noop benchmarks, and the records that a run of one
 * commits, batch by batch: what the engine would write for it, field by field.
 *
 * Every stage of a layer needs every stage of the layer before. Batch 0 starts
 * the run and the first layer; batch n stores what the stages of layer n-1
 * brought (stage:proposal and stage:complete each) and starts layer n; the last
 * one completes the run.
 */
#ifndef BENCH_SHAPES_H
#define BENCH_SHAPES_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#define SHAPE_MAX_LAYERS 200
#define SHAPE_MAX_WIDTH	 200

struct shape {
	const char *name;
	int layers;
	int first_width, width, last_width;
};

static const struct shape shapes[] = {
	{"chain", 200, 1, 1, 1},
	{"fan", 3, 1, 200, 1},
	{"layers", 10, 20, 20, 20},
};

static inline int shape_width(const struct shape *shape, int layer)
{
	if (layer == 0)
		return shape->first_width;
	return layer == shape->layers - 1 ? shape->last_width : shape->width;
}

static inline int shape_stages(const struct shape *shape)
{
	int n = 0;
	for (int l = 0; l < shape->layers; l++)
		n += shape_width(shape, l);
	return n;
}

/* One record: the six fields of an event. */
struct shape_record {
	const char *type, *run, *agent;
	char stage[16], at[24], data[320];
};

#define SHAPE_MAX_RECORDS (3 * SHAPE_MAX_WIDTH + 2)

static const char shape_hash[] =
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static inline void shape_add(struct shape_record *list, int *count,
			     const char *type, int stage, const char *agent,
			     int64_t at_ms)
{
	struct shape_record *r = &list[(*count)++];
	r->type = type;
	r->run = "r1";
	r->agent = agent;
	r->stage[0] = '\0';
	if (stage >= 0)
		snprintf(r->stage, sizeof r->stage, "s%d", stage);
	snprintf(r->at, sizeof r->at, "%" PRId64, at_ms);
}

/* Records of batch `batch` (0..layers) into `list` (SHAPE_MAX_RECORDS);
 * returns how many. A noop brings no result, so the story stays as it is. */
static inline int shape_batch(const struct shape *shape, int batch,
			      int64_t at_ms, struct shape_record *list)
{
	int n = 0, first = 0;
	int done_count = batch > 0 ? shape_width(shape, batch - 1) : 0;
	for (int l = 0; l < batch - 1; l++)
		first += shape_width(shape, l);
	if (batch == 0) {
		shape_add(list, &n, "run:start", -1, "", at_ms);
		snprintf(list[0].data, sizeof list[0].data,
			 "{\"show\":\"bench\",\"hash\":\"%s\",\"rehearsal\":"
			 "false,\"attended\":false}",
			 shape_hash);
	}
	for (int i = first; i < first + done_count; i++) {
		shape_add(list, &n, "stage:proposal", i, "n", at_ms);
		snprintf(list[n - 1].data, sizeof list->data,
			 "{\"attempt\":1,\"tokens\":0}");
		shape_add(list, &n, "stage:complete", i, "", at_ms);
		snprintf(list[n - 1].data, sizeof list->data,
			 "{\"attempt\":1,\"winner\":\"n\",\"patch\":{},"
			 "\"pre_state_hash\":\"%s\",\"post_state_hash\":"
			 "\"%s\",\"version\":0}",
			 shape_hash, shape_hash);
	}
	first += done_count;
	int next = batch < shape->layers ? shape_width(shape, batch) : 0;
	for (int i = first; i < first + next; i++) {
		shape_add(list, &n, "stage:start", i, "", at_ms);
		snprintf(list[n - 1].data, sizeof list->data,
			 "{\"attempt\":1,\"agents\":[\"n\"],\"deadline\":"
			 "%" PRId64 "}",
			 at_ms + 30000);
	}
	if (batch == shape->layers) {
		shape_add(list, &n, "run:complete", -1, "", at_ms);
		snprintf(list[n - 1].data, sizeof list->data,
			 "{\"state\":\"done\"}");
	}
	return n;
}

#endif
