#include "base/pages.h"

#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static int give_back(struct dl_phdr_info *info, size_t bytes, void *p)
{
	(void)bytes;
	(void)p;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		/* What may be written is no longer what the file says. */
		if (ph->p_type != PT_LOAD || (ph->p_flags & PF_W))
			continue;
		uintptr_t from = (info->dlpi_addr + ph->p_vaddr) & ~(page - 1);
		uintptr_t to = info->dlpi_addr + ph->p_vaddr + ph->p_memsz;
		madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void pages_give_back(void)
{
	dl_iterate_phdr(give_back, NULL);
}
