/* Preloaded into `stack`: AWS's host names are this machine, and port 443 of it is the test's TLS proxy. Any other name is unknown. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends_with(const char *name, const char *end) {
    size_t n = strlen(name), e = strlen(end);
    return n > e && strcmp(name + n - e, end) == 0;
}

static void write_down(const char *name) {
    const char *path = getenv("STACK_HOSTS_NAMES");
    int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    if (file < 0) return;
    char line[512];
    size_t length = strlen(name);
    if (length < sizeof line) {
        memcpy(line, name, length);
        line[length] = '\n';
        if (write(file, line, length + 1) < 0) { /* only a note */ }
    }
    close(file);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    int (*stock)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    if (name == NULL || strcmp(name, "127.0.0.1") == 0) return stock(name, service, hints, found);
    write_down(name);
    if (ends_with(name, ".amazonaws.com") || ends_with(name, ".api.aws") || ends_with(name, ".on.aws"))
        return stock("127.0.0.1", service, hints, found);
    return EAI_NONAME;
}

int connect(int socket, const struct sockaddr *address, socklen_t length) {
    int (*stock)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
    const char *port = getenv("STACK_HOSTS_PORT");
    if (port && address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in to;
        memcpy(&to, address, sizeof to);
        if (ntohs(to.sin_port) == 443 && to.sin_addr.s_addr == htonl(INADDR_LOOPBACK)) {
            to.sin_port = htons((unsigned short)atoi(port));
            return stock(socket, (struct sockaddr *)&to, sizeof to);
        }
    }
    return stock(socket, address, length);
}
