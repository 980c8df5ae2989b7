#include "jobs/audio.h"

#include <ebur128.h>
#include <math.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FRAMES_MOST   (600LL * 192000) /* ten minutes at the highest rate */
#define PIECE_FRAMES  4096
#define CHANNELS_MOST 16
#define FULL_SCALE    (32766.0f / 32768.0f)
#define CLIPPED_RUN   3

/* --- a file in memory --------------------------------------------------- */

struct memory {
	const char *data;
	sf_count_t bytes, at;
};

static sf_count_t memory_length(void *ctx)
{
	return ((struct memory *)ctx)->bytes;
}

static sf_count_t memory_seek(sf_count_t offset, int whence, void *ctx)
{
	struct memory *m = ctx;
	sf_count_t base = whence == SEEK_CUR   ? m->at
			  : whence == SEEK_END ? m->bytes
					       : 0;
	if (offset < -base || offset > m->bytes - base)
		return -1;
	m->at = base + offset;
	return m->at;
}

static sf_count_t memory_read(void *out, sf_count_t count, void *ctx)
{
	struct memory *m = ctx;
	if (count > m->bytes - m->at)
		count = m->bytes - m->at;
	memcpy(out, m->data + m->at, (size_t)count);
	m->at += count;
	return count;
}

static sf_count_t memory_write(const void *data, sf_count_t count, void *ctx)
{
	(void)data;
	(void)count;
	(void)ctx;
	return 0;
}

static sf_count_t memory_tell(void *ctx)
{
	return ((struct memory *)ctx)->at;
}

/* --- measuring ---------------------------------------------------------- */

struct measuring {
	struct audio_facts *out;
	ebur128_state *loudness;
	sf_count_t frames, silent, silent_most;
	float peak, silence;
	float *peaks; /* one each `per_peak` frames */
	size_t peak_count, peak_cap;
	sf_count_t per_peak, in_peak;
	int runs[CHANNELS_MOST]; /* samples at full scale, one after another */
};

/* So that memory does not grow with the length: pairs become one. */
static void halve_peaks(struct measuring *m)
{
	size_t n = m->peak_count / 2;
	for (size_t i = 0; i < n; i++)
		m->peaks[i] = fmaxf(m->peaks[2 * i], m->peaks[2 * i + 1]);
	m->peak_count = n;
	m->per_peak *= 2;
}

static void add_peak(struct measuring *m, float loudest)
{
	if (m->in_peak == 0) {
		if (m->peak_count == AUDIO_PEAKS * 64)
			halve_peaks(m);
		GROW(m->peaks, m->peak_count, m->peak_cap);
		m->peaks[m->peak_count++] = 0;
	}
	float *at = &m->peaks[m->peak_count - 1];
	*at = fmaxf(*at, loudest);
	if (++m->in_peak >= m->per_peak)
		m->in_peak = 0;
}

static void add_frame(struct measuring *m, const float *frame)
{
	float loudest = 0;
	for (int c = 0; c < m->out->channels; c++) {
		float level = fabsf(frame[c]);
		if (!(level >= 0)) /* not a number */
			level = 0;
		loudest = fmaxf(loudest, level);
		m->runs[c] = level >= FULL_SCALE ? m->runs[c] + 1 : 0;
		if (m->runs[c] == CLIPPED_RUN)
			m->out->clipped += CLIPPED_RUN;
		else if (m->runs[c] > CLIPPED_RUN)
			m->out->clipped++;
	}
	m->peak = fmaxf(m->peak, loudest);
	m->silent = loudest < m->silence ? m->silent + 1 : 0;
	if (m->silent > m->silent_most)
		m->silent_most = m->silent;
	add_peak(m, loudest);
	m->frames++;
}

static void read_all(struct measuring *m, SNDFILE *file)
{
	size_t channels = (size_t)m->out->channels;
	float *piece = xcalloc(PIECE_FRAMES * channels, sizeof *piece);
	sf_count_t n;
	while (m->frames < FRAMES_MOST &&
	       (n = sf_readf_float(file, piece, PIECE_FRAMES)) > 0) {
		if (m->loudness)
			ebur128_add_frames_float(m->loudness, piece, (size_t)n);
		for (sf_count_t i = 0; i < n; i++)
			add_frame(m, piece + (size_t)i * channels);
	}
	free(piece);
}

static double decibels(double level)
{
	return level > 0 ? 20 * log10(level) : -INFINITY;
}

static void draw_peaks(struct measuring *m)
{
	struct audio_facts *out = m->out;
	size_t n = m->peak_count < AUDIO_PEAKS ? m->peak_count : AUDIO_PEAKS;
	for (size_t i = 0; i < n; i++) {
		size_t from = i * m->peak_count / n;
		size_t to = (i + 1) * m->peak_count / n;
		float most = 0;
		for (size_t k = from; k < to; k++)
			most = fmaxf(most, m->peaks[k]);
		out->peaks[i] = (unsigned char)lroundf(fminf(most, 1.0f) * 100);
	}
	out->peak_count = (int)n;
}

static void finish(struct measuring *m)
{
	struct audio_facts *out = m->out;
	int rate = out->sample_rate;
	double loudness = -HUGE_VAL;
	out->duration_ms = m->frames * 1000 / rate;
	out->silence_ms = m->silent_most * 1000 / rate;
	out->peak_dbfs = decibels(m->peak);
	if (m->loudness)
		ebur128_loudness_global(m->loudness, &loudness);
	out->loudness_lufs = isfinite(loudness) ? loudness : -INFINITY;
	draw_peaks(m);
}

static const char *format_name(int format)
{
	static const struct {
		int format;
		const char *name;
	} names[] = {
		{SF_FORMAT_WAV, "WAV"},	 {SF_FORMAT_WAVEX, "WAV"},
		{SF_FORMAT_RF64, "WAV"}, {SF_FORMAT_FLAC, "FLAC"},
		{SF_FORMAT_OGG, "Ogg"},	 {SF_FORMAT_AIFF, "AIFF"},
		{SF_FORMAT_AU, "AU"},	 {SF_FORMAT_MPEG, "MP3"},
		{SF_FORMAT_CAF, "CAF"},
	};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (names[i].format == (format & SF_FORMAT_TYPEMASK))
			return names[i].name;
	return "sound";
}

bool audio_measure(const void *data, size_t bytes, struct audio_facts *out,
		   struct err *err)
{
	static SF_VIRTUAL_IO io = {
		.get_filelen = memory_length,
		.seek = memory_seek,
		.read = memory_read,
		.write = memory_write,
		.tell = memory_tell,
	};
	struct memory memory = {data, (sf_count_t)bytes, 0};
	SF_INFO info = {0};
	*out = (struct audio_facts){0};
	SNDFILE *file = sf_open_virtual(&io, SFM_READ, &info, &memory);
	if (!file)
		return err_set(err, ERR_DATA, "it is no sound: %s",
			       bytes ? sf_strerror(NULL) : "nothing came");
	if (info.channels < 1 || info.channels > CHANNELS_MOST ||
	    info.samplerate < 1000 || info.samplerate > 768000) {
		sf_close(file);
		return err_set(err, ERR_DATA,
			       "%d channels at %d Hz are no sound that can be "
			       "measured",
			       info.channels, info.samplerate);
	}
	out->format = format_name(info.format);
	out->sample_rate = info.samplerate;
	out->channels = info.channels;
	struct measuring m = {
		.out = out,
		.silence = (float)pow(10, AUDIO_SILENCE_DBFS / 20),
		.per_peak = 1,
		.loudness = ebur128_init((unsigned)info.channels,
					 (unsigned long)info.samplerate,
					 EBUR128_MODE_I),
	};
	read_all(&m, file);
	finish(&m);
	if (m.loudness)
		ebur128_destroy(&m.loudness);
	free(m.peaks);
	sf_close(file);
	return true;
}

bool audio_sounds(const struct audio_facts *facts)
{
	return facts->peak_dbfs >= AUDIO_SILENCE_DBFS;
}

const char *audio_ending(const struct audio_facts *facts)
{
	static const char *const endings[][2] = {
		{"WAV", "wav"}, {"FLAC", "flac"}, {"Ogg", "ogg"},
		{"MP3", "mp3"}, {"AIFF", "aiff"}, {"AU", "au"},
	};
	for (size_t i = 0; i < COUNT_OF(endings); i++)
		if (strcmp(facts->format, endings[i][0]) == 0)
			return endings[i][1];
	return "sound";
}
