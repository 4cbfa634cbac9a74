/*
 * The load of an echo server on 127.0.0.1: CASE OPS WARMUP PORT PID. Each of "N connections" has one message in flight,
 * and sends the next when it has come back whole. The answer has the time on the wall for one message, and that for which
 * the threads of process PID, the server, had a processor.
 */
#include <dirent.h>

#include "echo.h"

struct connection {
  int fd;
  size_t received;
  char message[MESSAGE];
};

static struct connection *connections;
static long connection_count;
static int epfd;

static void send_message(struct connection *connection) {
  connection->received = 0;
  if (must((int)send(connection->fd, connection->message, MESSAGE, MSG_NOSIGNAL), "send") == MESSAGE) return;
  fprintf(stderr, "a message was not sent whole\n");
  exit(1);
}

static void run(long ops) {
  long unsent = ops, unanswered = ops;
  for (long i = 0; i < connection_count && unsent > 0; i++, unsent--) send_message(&connections[i]);
  while (unanswered > 0) {
    struct epoll_event events[MAX_EVENTS];
    int found = must(epoll_wait(epfd, events, MAX_EVENTS, -1), "epoll_wait");
    for (int i = 0; i < found; i++) {
      struct connection *connection = events[i].data.ptr;
      char answer[MESSAGE];
      size_t received = connection->received;
      int count = must((int)recv(connection->fd, answer, MESSAGE - received, 0), "recv");
      if (count == 0 || memcmp(answer, connection->message + received, (size_t)count) != 0) {
        fprintf(stderr, count == 0 ? "the server closed a connection\n" : "another message came back\n");
        exit(1);
      }
      connection->received += (size_t)count;
      if (connection->received < MESSAGE) continue;
      unanswered--;
      if (unsent == 0) continue;
      unsent--;
      send_message(connection);
    }
  }
}

/* How long the threads of a process have run; those that have ended are left out. */
static double processor_ns(const char *pid) {
  char name[300];
  snprintf(name, sizeof name, "/proc/%s/task", pid);
  DIR *tasks = opendir(name);
  if (!tasks) must(-1, name);
  double total = 0, ran;
  for (struct dirent *task; (task = readdir(tasks));) {
    snprintf(name, sizeof name, "/proc/%s/task/%s/schedstat", pid, task->d_name);
    FILE *file = task->d_name[0] == '.' ? NULL : fopen(name, "re");
    if (!file) continue;
    if (fscanf(file, "%lf", &ran) == 1) total += ran;
    fclose(file);
  }
  closedir(tasks);
  if (total == 0) unavailable("needs a kernel with /proc/PID/task/TID/schedstat");
  return total;
}

int main(int argc, char **argv) {
  struct request request = parse_request(argc, argv);
  if (argc < 6) return 2;
  const char *server = argv[5];
  struct sockaddr_in address = loopback(atoi(argv[4]));
  raise_descriptor_limit();
  epfd = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  connection_count = atol(request.name);
  connections = allocate((size_t)connection_count, sizeof *connections);
  for (long i = 0; i < connection_count; i++) {
    struct connection *connection = &connections[i];
    for (size_t j = 0; j < MESSAGE; j++) connection->message[j] = (char)(i + (long)j);
    connection->fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    must(connect(connection->fd, (struct sockaddr *)&address, sizeof address), "connect");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    must(epoll_ctl(epfd, EPOLL_CTL_ADD, connection->fd, &event), "epoll_ctl");
  }
  run(request.warmup);
  double ran = processor_ns(server), start = wall_ns();
  run(request.ops);
  double ns = wall_ns() - start;
  ran = processor_ns(server) - ran;
  printf("{\"wall\":%.3f,\"processor\":%.3f}\n", ns / (double)request.ops, ran / (double)request.ops);
  return 0;
}
