/* Kind audio: a sound that a service or a program makes, or a file. */
#include "jobs/probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "jobs/audio.h"
#include "jobs/probe_program.h"

static bool read_file(struct probe *p)
{
	int64_t began_us = clock_mono_us();
	struct err err = {0};
	size_t bytes = 0;
	char *path = file_beside(p->show->path ? p->show->path : "",
				 p->endpoint + strlen("file:"));
	char *data = file_read(path, PROBE_BODY_BYTES, &bytes, &err);
	json_object *request = json_object_new_object();
	json_add_str(request, "file", path);
	probe_keep(p, "request", &request);
	free(path);
	if (!data)
		return probe_fail(p, "%s", err.text);
	buf_add(&p->body, data, bytes);
	free(data);
	probe_took(p, began_us);
	return true;
}

static bool fetch(struct probe *p)
{
	if (strncmp(p->endpoint, "exec:", 5) == 0)
		return probe_program(p, false);
	if (strncmp(p->endpoint, "file:", 5) == 0)
		return read_file(p);
	return probe_http(p);
}

static double tenth(double value)
{
	return round(value * 10) / 10;
}

static json_object *facts_json(const struct audio_facts *f)
{
	json_object *o = json_object_new_object();
	json_object *peaks = json_object_new_array();
	json_add_str(o, "format", f->format);
	json_add_int(o, "duration_ms", f->duration_ms);
	json_add_int(o, "sample_rate", f->sample_rate);
	json_add_int(o, "channels", f->channels);
	if (isfinite(f->peak_dbfs))
		json_add_num(o, "peak_dbfs", tenth(f->peak_dbfs));
	if (isfinite(f->loudness_lufs))
		json_add_num(o, "loudness_lufs", tenth(f->loudness_lufs));
	json_add_int(o, "silence_ms", f->silence_ms);
	json_add_int(o, "clipped", f->clipped);
	for (int i = 0; i < f->peak_count; i++)
		json_object_array_add(peaks, json_object_new_int(f->peaks[i]));
	json_add(o, "peaks", &peaks);
	return o;
}

/* One file a test, so that they do not add up; "" when it could not be kept,
 * which is no fault of the service. */
static void keep_sound(struct probe *p, const struct audio_facts *f,
		       json_object *o)
{
	char name[HASH_HEX_BYTES], host[256] = "";
	struct err err = {0};
	char *whole = xasprintf("%s\n%s", p->card ? p->card : "", p->def->name);
	char *state = file_state_dir(p->show->id);
	char *folder = xasprintf("%s/previews", state);
	hash_sha256_hex(name, whole, strlen(whole));
	char *path = xasprintf("%s/%.16s.%s", folder, name, audio_ending(f));
	if (file_make_dirs(folder, &err) &&
	    file_write(path, buf_str(&p->body), p->body.len, 0600, &err)) {
		gethostname(host, sizeof host - 1);
		json_add_str(o, "file", path);
		json_add_str(o, "host", host);
	}
	free(path);
	free(folder);
	free(state);
	free(whole);
}

/* A page that says what went wrong is no sound, and says so best itself. */
static bool no_sound(struct probe *p, const char *why)
{
	const struct measured *m = &p->measured;
	bool is_page =
		(m->status >= 0 && (m->status < 200 || m->status > 299)) ||
		m->exit_status > 0;
	p->measured.audio = NULL;
	return is_page || probe_fail(p, "%s", why);
}

bool probe_audio(struct probe *p)
{
	struct err err = {0};
	if (!fetch(p))
		return false;
	p->measured.body = buf_str(&p->body);
	p->measured.body_bytes = p->body.len;
	struct audio_facts *f = &p->audio;
	if (!audio_measure(buf_str(&p->body), p->body.len, f, &err))
		return no_sound(p, err.text);
	p->measured.audio = f;
	json_object *o = facts_json(f);
	keep_sound(p, f, o);
	probe_keep(p, "audio", &o);
	if (isfinite(f->loudness_lufs))
		probe_fine(p, "%.1f s of %s, %.1f LUFS, in %lld ms",
			   (double)f->duration_ms / 1000, f->format,
			   f->loudness_lufs, (long long)p->total_ms);
	else
		probe_fine(p, "%.1f s of %s in %lld ms",
			   (double)f->duration_ms / 1000, f->format,
			   (long long)p->total_ms);
	return true;
}
