/*
 * replay FILE... -- give files to a fuzz target without libFuzzer.
 *
 * The target aborts where it finds a fault.  No file is no input: the empty one
 * is run always.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    uint8_t *data;
    ssize_t got;

    if (fd < 0 || fstat(fd, &st) != 0) {
        perror(path);
        return 1;
    }
    /* Exactly as large as the file: a byte too far is seen by ASan. */
    data = mem_alloc((size_t)st.st_size);
    got = read(fd, data, (size_t)st.st_size);
    close(fd);
    if (got == st.st_size)
        LLVMFuzzerTestOneInput(data, (size_t)got);
    else
        perror(path);
    free(data);
    return got != st.st_size;
}

int main(int argc, char **argv)
{
    int bad = 0;

    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        bad |= run_file(argv[i]);
    printf("%s: %d files\n", argv[0], argc - 1);
    return bad;
}
