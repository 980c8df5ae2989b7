/* Runs a fuzz target over every file of a folder, as a normal test: what once
 * was found stays fixed, without a fuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"

#ifndef CORPUS
#error "CORPUS names the folder"
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static int real_file(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

int main(void)
{
	const char *top = getenv("top_srcdir");
	char *folder =
		xasprintf("%s/tests/fuzz/corpus/%s", top ? top : "..", CORPUS);
	struct dirent **list = NULL;
	int count = scandir(folder, &list, real_file, alphasort);
	int failed = count < 1;
	for (int i = 0; i < count; i++) {
		char *path = xasprintf("%s/%s", folder, list[i]->d_name);
		size_t bytes = 0;
		struct err err = {0};
		char *text = file_read(path, 16 << 20, &bytes, &err);
		/* A copy without a NUL behind it, for the sanitizers. */
		uint8_t *data = xmalloc(bytes);
		for (size_t j = 0; j < bytes; j++)
			data[j] = (uint8_t)text[j];
		bool ok = text && LLVMFuzzerTestOneInput(data, bytes) == 0;
		failed += !ok;
		printf("%sok %d - %s %s\n", ok ? "" : "not ", i + 1,
		       list[i]->d_name, err.text);
		free(data);
		free(text);
		free(path);
		free(list[i]);
	}
	printf("1..%d\n", count < 0 ? 0 : count);
	free(list);
	free(folder);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
