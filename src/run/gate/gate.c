/*
 * gate.c - the first program of a container whose secrets are hidden from its configuration.
 *
 *   gate now|wait ENVFILE PROGRAM [ARG...]
 *
 * Reads variables from ENVFILE, which lies in memory, puts them over its own environment, and becomes
 * PROGRAM: same process, same user, same folder, same arguments. No libc, no shell, no file of the
 * image, so it works in an empty image; it writes nothing and leaves no open file behind.
 *
 *   now   ENVFILE has to be there
 *   wait  waits for it; any signal that would end a program ends the wait, also as process 1
 *
 * Names may follow, as in `now,A,B`: of these the process's own value counts, or its absence.
 *
 * ENVFILE is `NAME=value` and a NUL for each variable, then one more NUL: whoever finds the file while
 * it is still being written does not take the half for the whole. A later record wins.
 *
 * PROGRAM is found as runc finds it: with a slash it is a path, else the first executable file of that
 * name in the folders of PATH. Entries of PATH that are not absolute are passed over, and the working
 * folder is never looked at.
 *
 * On volumes that only an engine reaches, a helper container runs it for two things more:
 *
 *   gate rename OLD NEW [OLD NEW...]    puts each OLD in the place of NEW, at one moment
 *   gate empty FILE [FILE...]           cuts each FILE to nothing; it stays the same file
 *
 * Exit: 125 own failure, 126 PROGRAM can't be executed, 127 there is no PROGRAM, 128+N signal N.
 */

typedef unsigned long word; /* as wide as a pointer on both machines */

/* _start hands over the stack as the kernel laid it out; call() shifts its arguments by one. */
#if defined __x86_64__
__asm__(".globl _start\n_start:\n"
        "xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call gate\n"
        "call:\n"
        "mov %rdi, %rax\n mov %rsi, %rdi\n mov %rdx, %rsi\n mov %rcx, %rdx\n"
        "mov %r8, %r10\n mov %r9, %r8\n mov 8(%rsp), %r9\n syscall\n ret\n");
enum { WRITEV = 20, OPENAT = 257, CLOSE = 3, LSEEK = 8, MMAP = 9, MUNMAP = 11, FACCESSAT = 269 };
enum { RENAMEAT = 264, EXECVE = 59, SIGPROCMASK = 14, SIGTIMEDWAIT = 128, EXIT_GROUP = 231 };
#elif defined __aarch64__
__asm__(".globl _start\n_start:\n"
        "mov x29, xzr\n mov x30, xzr\n mov x0, sp\n b gate\n"
        "call:\n"
        "mov x8, x0\n mov x0, x1\n mov x1, x2\n mov x2, x3\n"
        "mov x3, x4\n mov x4, x5\n mov x5, x6\n svc #0\n ret\n");
enum { WRITEV = 66, OPENAT = 56, CLOSE = 57, LSEEK = 62, MMAP = 222, MUNMAP = 215, FACCESSAT = 48 };
enum { RENAMEAT = 38, EXECVE = 221, SIGPROCMASK = 135, SIGTIMEDWAIT = 137, EXIT_GROUP = 94 };
#else
#error "gate knows amd64 and arm64"
#endif

/* A system call: its result, or the error's number negated. */
long call(long number, word a, word b, word c, word d, word e, word f);

enum { ENOENT = 2, E2BIG = 7, ENOEXEC = 8, EACCES = 13, ENOTDIR = 20, ENAMETOOLONG = 36, ELOOP = 40 };
enum { HERE = -100 /* AT_FDCWD */, CLOSE_ON_EXEC = 02000000, SEEK_END = 2, PATH_MAX = 4096 };
enum { CUT = 01001 /* O_WRONLY | O_TRUNC */ };
enum { PROT_READ = 1, PROT_WRITE = 2, MAP_PRIVATE = 2, MAP_ANONYMOUS = 32, SIG_SETMASK = 2 };

enum { OURS = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127, SIGNALLED = 128 };

#define PAUSE_NS 10000000L
/* All signals but those which end nothing: CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG (17-23), WINCH (28). */
#define ENDING (~(0x7fUL << 16 | 1UL << 27))
/* What the engine sets where neither image nor user has a PATH. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct text { const char *at; word size; };
struct variables { char **list; word count; };
struct file { char *at; word size; long descriptor; };

static word length(const char *text) {
  word size = 0;
  while (text[size]) size++;
  return size;
}

static _Noreturn void leave(int code) {
  for (;;) call(EXIT_GROUP, code, 0, 0, 0, 0, 0);
}

/* One line on stderr: names and facts, never a value. */
static _Noreturn void fail(int code, const char *subject, const char *fact) {
  struct text line[] = {
    { "sealmount: ", 11 }, { subject, length(subject) }, { fact, length(fact) }, { "\n", 1 },
  };
  call(WRITEV, 2, (word)line, 4, 0, 0, 0);
  leave(code);
}

static void *map(word size, long descriptor) {
  word anonymous = descriptor < 0 ? MAP_ANONYMOUS : 0;
  word protection = descriptor < 0 ? PROT_READ | PROT_WRITE : PROT_READ;
  long at = call(MMAP, 0, size, protection, MAP_PRIVATE | anonymous, descriptor, 0);
  return at < 0 && at > -4096 ? 0 : (void *)at;
}

/* Maps the whole file; size 0 stands for one that is not there, not readable, or not yet complete. */
static struct file open_file(const char *path) {
  long descriptor = call(OPENAT, HERE, (word)path, CLOSE_ON_EXEC, 0, 0, 0);
  struct file file = { 0, 0, descriptor };
  if (descriptor < 0) return file;
  long size = call(LSEEK, descriptor, 0, SEEK_END, 0, 0, 0);
  if (size > 0) file.at = map(size, descriptor);
  call(CLOSE, descriptor, 0, 0, 0, 0, 0);
  if (!file.at) return file;
  int complete = !file.at[size - 1] && (size == 1 || !file.at[size - 2]);
  if (complete) file.size = size;
  else call(MUNMAP, (word)file.at, size, 0, 0, 0, 0);
  return file;
}

/*
 * Process 1 has no default actions, so a signal without a handler would be lost. Blocked ones are kept,
 * and taken by a wait that is the pause between two looks as well.
 */
static struct file wait_for(const char *path) {
  const word ending = ENDING;
  const long pauses[] = { 0, PAUSE_NS, 0, 0 }; /* 10 ms; then one look that does not wait */
  word before;
  call(SIGPROCMASK, SIG_SETMASK, (word)&ending, (word)&before, sizeof ending, 0, 0);
  for (;;) {
    struct file file = open_file(path);
    word pause = (word)(file.size ? pauses + 2 : pauses);
    long signal = call(SIGTIMEDWAIT, (word)&ending, 0, pause, sizeof ending, 0, 0);
    if (signal > 0) leave(SIGNALLED + signal);
    if (!file.size) continue;
    call(SIGPROCMASK, SIG_SETMASK, (word)&before, 0, sizeof before, 0, 0);
    return file;
  }
}

static int same_name(const char *one, const char *other) {
  while (*one == *other && *one && *one != '=') one++, other++;
  return *one == *other;
}

static void set(struct variables *all, char *entry) {
  word at = 0;
  while (at < all->count && !same_name(all->list[at], entry)) at++;
  all->list[at] = entry;
  if (at == all->count) all->count++;
}

/* Whether a list of names, each after a comma, has the name of this record. */
static int keeps(const char *names, const char *record) {
  for (; *names; names++) {
    if (*names != ',') continue;
    const char *one = names + 1, *other = record;
    while (*one == *other && *one && *one != ',') one++, other++;
    if (*other == '=' && (*one == ',' || !*one)) return 1;
  }
  return 0;
}

/* The list that execve takes: what the process had, with the file's records over it. */
static char **merge(char **own, struct file file, const char *mode) {
  word most = 1;
  for (char **entry = own; *entry; entry++) most++;
  for (word at = 0; at < file.size; at++) most += !file.at[at];
  struct variables all = { map(most * sizeof *own, -1), 0 };
  if (!all.list) fail(OURS, "no memory for the environment", "");
  for (; *own; own++) set(&all, *own);
  for (char *record = file.at; *record; record += length(record) + 1)
    if (!keeps(mode, record)) set(&all, record);
  return all.list;
}

static const char *search_path(char **environment) {
  for (; *environment; environment++)
    if (same_name(*environment, "PATH=")) return *environment + 5;
  return DEFAULT_PATH;
}

/* Whether a search goes on after this error, because there is no executable file. */
static int passes_over(long error) {
  return error == -ENOENT || error == -EACCES || error == -ENOTDIR || error == -ELOOP ||
         error == -ENAMETOOLONG;
}

/* Returns only when nothing was executed: the error's number negated, or 0 for a search in vain. */
static long become(char **arguments, char **environment) {
  const char *program = *arguments;
  const char *slash = program;
  while (*slash && *slash != '/') slash++;
  if (*slash) return call(EXECVE, (word)program, (word)arguments, (word)environment, 0, 0, 0);
  char file[PATH_MAX];
  const char *folder = search_path(environment);
  for (;;) {
    word size = 0;
    while (folder[size] && folder[size] != ':') size++;
    if (*folder == '/' && size + 1 + length(program) < sizeof file) {
      char *end = file;
      for (word at = 0; at < size; at++) *end++ = folder[at];
      *end++ = '/';
      for (const char *name = program; (*end = *name); name++) end++;
      long error = call(EXECVE, (word)file, (word)arguments, (word)environment, 0, 0, 0);
      if (!passes_over(error)) return error;
      /* it is there, but not what its first line names: runc goes no further either */
      if (error == -ENOENT && !call(FACCESSAT, HERE, (word)file, 0, 0, 0, 0)) return error;
    }
    if (!folder[size]) return 0;
    folder += size + 1;
  }
}

static _Noreturn void explain(long error, const char *program) {
  switch (error) {
  case 0: fail(NOT_FOUND, program, ": executable file not found in PATH");
  case -ENOENT:
  case -ENOTDIR: fail(NOT_FOUND, program, ": no such file or directory");
  case -EACCES: fail(NOT_EXECUTABLE, program, ": permission denied");
  case -ENOEXEC: fail(NOT_EXECUTABLE, program, ": exec format error");
  case -E2BIG: fail(OURS, "variables and arguments together are too large for this kernel", "");
  default: fail(NOT_EXECUTABLE, program, ": can't be executed");
  }
}

/* Renames pairs or empties files, in order; the first that fails ends it. */
static _Noreturn void change(char **paths, int pairs) {
  for (; *paths; paths++) {
    char *path = *paths;
    long error = pairs ? call(RENAMEAT, HERE, (word)path, HERE, (word)*++paths, 0, 0)
                       : call(OPENAT, HERE, (word)path, CUT, 0, 0, 0);
    if (error < 0) fail(OURS, path, ": can't be changed");
  }
  leave(0);
}

/* The stack at the start: the count, so many arguments, a null, the environment, a null. */
_Noreturn void gate(word *stack) {
  char **arguments = (char **)(stack + 1);
  char **own = arguments + stack[0] + 1;
  int pairs = stack[0] > 2 && *arguments[1] == 'r';
  if (pairs || (stack[0] > 2 && *arguments[1] == 'e')) change(arguments + 2, pairs);
  if (stack[0] < 4) fail(OURS, "usage: gate now|wait ENVFILE PROGRAM [ARG...]", "");
  const char *path = arguments[2];
  struct file file = *arguments[1] == 'w' ? wait_for(path) : open_file(path);
  if (file.descriptor == -EACCES) fail(OURS, "only the container's own user may read ", path);
  if (!file.size)
    fail(OURS, "the secrets of this container are gone: start it anew with sealmount; no ", path);
  explain(become(arguments + 3, merge(own, file, arguments[1])), arguments[3]);
}
