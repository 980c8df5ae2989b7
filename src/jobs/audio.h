/*
 * audio: what can be said of a sound without hearing it. WAV, FLAC, Ogg, MP3
 * and whatever else libsndfile reads, from memory. Sizes in a header that are
 * beyond the end of the data (a program that wrote into a pipe could not know
 * better) do not count: the end does. Loudness is that of a whole programme,
 * integrated by EBU R 128 (ITU-R BS.1770), by libebur128. Private to jobs/; any
 * thread.
 */
#ifndef JOBS_AUDIO_H
#define JOBS_AUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define AUDIO_PEAKS 64
/* What is softer than that is silence. */
#define AUDIO_SILENCE_DBFS (-60.0)

struct audio_facts {
	const char *format; /* "WAV", "FLAC", ...; a literal's life */
	int64_t duration_ms;
	int sample_rate, channels;
	double peak_dbfs;     /* of the samples; -INFINITY: none but zeros */
	double loudness_lufs; /* -INFINITY: too short (400 ms) or too soft */
	int64_t silence_ms;   /* the longest */
	int64_t clipped;      /* samples in runs of three at full scale */
	int peak_count;
	unsigned char peaks[AUDIO_PEAKS]; /* 0..100 of full scale, in time */
};

/* False with err (ERR_DATA) when it is no sound that can be read. */
bool audio_measure(const void *data, size_t bytes, struct audio_facts *out,
		   struct err *err);

/* Whether anything is to be heard. */
bool audio_sounds(const struct audio_facts *facts);

/* The name that a file of such data goes by: "wav", "ogg", ... */
const char *audio_ending(const struct audio_facts *facts);

#endif
