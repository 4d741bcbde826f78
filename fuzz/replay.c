// SPDX-License-Identifier: MIT OR Apache-2.0
// Gives a fuzz target every file of the folders named, in an ordinary build. Prints one line of
// TAP.
#include <dirent.h>

#include "fuzz.h"

static void replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        exit(1);
    }
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    if (size < 0 || !data || fread(data, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

int main(int count, char **arguments) {
    size_t files = 0;
    for (int i = 1; i < count; i++) {
        DIR *folder = opendir(arguments[i]);
        if (!folder) {
            perror(arguments[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(folder));) {
            char path[1024];
            int n = snprintf(path, sizeof path, "%s/%s", arguments[i], entry->d_name);
            if (entry->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof path) continue;
            replay_file(path);
            files++;
        }
        closedir(folder);
    }
    const char *slash = strrchr(arguments[0], '/');
    printf("%s 1 - %s: %zu inputs\n", files ? "ok" : "not ok", slash ? slash + 1 : arguments[0],
           files);
    return !files;
}
