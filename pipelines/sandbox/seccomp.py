"""The system call filter of one program, as classic BPF, with the numbers of the calls for x86_64 and aarch64.

Allowed calls run, calls without an honest use kill the process (SIGSYS, so the cause is visible from outside), everything
else does not exist (ENOSYS), so a library that only tries it falls back. Layout per rule: compare, act, else fall through
to the next.

There are two filters, for the kernel studies a filter for every call when it is installed, which took a tenth of a
program's time. The long one is installed once, in the zygote, and allows the calls that a fork still needs to confine
itself; the short one is installed in each fork and forbids these. Together they are `whole`; the tests compare them.

In the three lists of calls each entry is `name:x86_64:aarch64`; `-` where an architecture lacks the call.
"""

import struct


def numbers(table: str, machine: str) -> dict[str, int]:
    """Name to number on one machine ("x86_64" or "aarch64"), for the calls that it has."""
    column = {"x86_64": 1, "aarch64": 2}[machine]
    rows = (entry.split(":") for entry in table.split())
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


# what a Python program needs to compute, to use its own scratch folder and its own threads
ALLOWED = """
read:0:63  write:1:64  readv:19:65  writev:20:66  pread64:17:67  pwrite64:18:68  preadv:295:69  pwritev:296:70
preadv2:327:286  pwritev2:328:287  open:2:-  openat:257:56  creat:85:-  close:3:57  close_range:436:436  lseek:8:62
stat:4:-  fstat:5:80  lstat:6:-  newfstatat:262:79  statx:332:291  access:21:-  faccessat:269:48  faccessat2:439:439
readlink:89:-  readlinkat:267:78  getdents:78:-  getdents64:217:61  statfs:137:43  fstatfs:138:44  mkdir:83:-
mkdirat:258:34  rmdir:84:-  unlink:87:-  unlinkat:263:35  rename:82:-  renameat:264:38  renameat2:316:276  link:86:-
linkat:265:37  symlink:88:-  symlinkat:266:36  chmod:90:-  fchmod:91:52  fchmodat:268:53  utimensat:280:88
utimes:235:-  futimesat:261:-  truncate:76:45  ftruncate:77:46  fallocate:285:47  fsync:74:82  fdatasync:75:83
fcntl:72:25  dup:32:23  dup2:33:-  dup3:292:24  pipe:22:-  pipe2:293:59  sendfile:40:71
copy_file_range:326:285  getcwd:79:17  chdir:80:49  fchdir:81:50  umask:95:166  mmap:9:222  munmap:11:215
mprotect:10:226  mremap:25:216  madvise:28:233  brk:12:214  msync:26:227  mincore:27:232  membarrier:324:283
rt_sigaction:13:134  rt_sigprocmask:14:135  rt_sigreturn:15:139  rt_sigpending:127:136  rt_sigtimedwait:128:137
rt_sigsuspend:130:133  sigaltstack:131:132  restart_syscall:219:128  pause:34:-  kill:62:129  tkill:200:130
tgkill:234:131  wait4:61:260  waitid:247:95  exit:60:93  exit_group:231:94  futex:202:98  futex_waitv:449:449
set_robust_list:273:99  get_robust_list:274:100  rseq:334:293  set_tid_address:218:96  sched_yield:24:124
sched_getaffinity:204:123  sched_getparam:143:121  sched_getscheduler:145:120  sched_get_priority_max:146:125
sched_get_priority_min:147:126  arch_prctl:158:-  getpid:39:172  getppid:110:173  gettid:186:178  getuid:102:174
geteuid:107:175  getgid:104:176  getegid:108:177  getresuid:118:148  getresgid:120:150  getgroups:115:158
getpgrp:111:-  getpgid:121:155  getsid:124:156  setsid:112:157  setpgid:109:154  getpriority:140:141  getrlimit:97:163
setrlimit:160:164  getrusage:98:165  times:100:153  sysinfo:99:179  uname:63:160  getrandom:318:278  getcpu:309:168
nanosleep:35:101  clock_nanosleep:230:115  clock_gettime:228:113  clock_getres:229:114  gettimeofday:96:169
time:201:-  getitimer:36:102  setitimer:38:103  alarm:37:-  timer_create:222:107  timer_settime:223:110
timer_gettime:224:108  timer_getoverrun:225:109  timer_delete:226:111  timerfd_create:283:85  timerfd_settime:286:86
timerfd_gettime:287:87  poll:7:-  ppoll:271:73  select:23:-  pselect6:270:72  epoll_create:213:-  epoll_create1:291:20
epoll_ctl:233:21  epoll_wait:232:-  epoll_pwait:281:22  epoll_pwait2:441:441  eventfd:284:-  eventfd2:290:19
sendto:44:206  recvfrom:45:207  sendmsg:46:211  recvmsg:47:212  shutdown:48:210  getsockopt:55:209  setsockopt:54:208
getsockname:51:204  getpeername:52:205
"""

# no program under test has an honest use for these: the process is killed, and the cause is sandbox_violation
HOSTILE = """
ptrace:101:117  process_vm_readv:310:270  process_vm_writev:311:271  kcmp:312:272  process_madvise:440:440
pidfd_open:434:434  pidfd_getfd:438:438  pidfd_send_signal:424:424  mount:165:40  umount2:166:39  pivot_root:155:41
chroot:161:51  move_mount:429:429  open_tree:428:428  fsopen:430:430  fsmount:432:432  fsconfig:431:431
fspick:433:433  mount_setattr:442:442  unshare:272:97  setns:308:268  bpf:321:280  keyctl:250:219  add_key:248:217
request_key:249:218  io_uring_setup:425:425  io_uring_enter:426:426  io_uring_register:427:427  userfaultfd:323:282
perf_event_open:298:241  kexec_load:246:104  kexec_file_load:320:294  open_by_handle_at:304:265  name_to_handle_at:303:264
personality:135:92  init_module:175:105  finit_module:313:273  delete_module:176:106  reboot:169:142  swapon:167:224
swapoff:168:225  acct:163:89  settimeofday:164:170  clock_settime:227:112  adjtimex:159:171  clock_adjtime:305:266
sethostname:170:161  setdomainname:171:162  syslog:103:116  quotactl:179:60  iopl:172:-  ioperm:173:-  socket:41:198
seccomp:317:277
"""

# allowed or not by their arguments and by the number of processes
# clone3 is in no list: its flags lie in memory, which a filter cannot read. ENOSYS makes libc fall back to clone.
LOOKED_AT = """
ioctl:16:29  capset:126:91  prctl:157:167  prlimit64:302:261  socketpair:53:199  clone:56:220  fork:57:-  vfork:58:-
execve:59:221  execveat:322:281
"""


KILL = 0x80000000
ALLOW = 0x7FFF0000
ERRNO = 0x00050000
_ENOSYS = 38
_EPERM = 1
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARGS = 0, 4, 16
_X32 = 0x40000000
_THREAD = 0x00010000
# CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NAMESPACES = 0x80 | 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
_PRCTLS = (3, 15, 16, 0x53564D41)  # PR_GET_DUMPABLE PR_SET_NAME PR_GET_NAME PR_SET_VMA
_AF_UNIX = 1
_CONFINING = frozenset(("unshare", "mount", "capset", "prctl", "clone"))
_MULTIPLYING = frozenset(("fork", "vfork", "execve", "execveat"))
_ALLOWED = frozenset(numbers(ALLOWED, "x86_64")) | frozenset(numbers(ALLOWED, "aarch64"))
_HOSTILE = frozenset(numbers(HOSTILE, "x86_64")) | frozenset(numbers(HOSTILE, "aarch64"))


def whole(machine: str, processes: int) -> bytes:
    """All rules in one filter, an array of struct sock_filter, for programs that may have this many processes."""
    code = _opening(machine)
    for name, number in _known(machine).items():
        code += _when(number, _rule(name, processes))
    return b"".join([*code, _op(_RETURN, ERRNO | _ENOSYS)])


def zygote(machine: str, processes: int) -> bytes:
    """The filter that also allows the calls with which a fork confines itself."""
    code = _opening(machine)
    for name, number in _known(machine).items():
        code += _when(number, [_op(_RETURN, ALLOW)] if name in _CONFINING else _rule(name, processes))
    return b"".join([*code, _op(_RETURN, ERRNO | _ENOSYS)])


def child(machine: str, processes: int) -> bytes:
    """On top of the zygote's: only what differs, and what differs between programs and tests."""
    code = [_op(_LOAD, _NR)]
    for name, number in _known(machine).items():
        if name in _CONFINING or name in _MULTIPLYING:
            code += _when(number, _rule(name, processes))
    return b"".join([*code, _op(_RETURN, ALLOW)])


def _opening(machine: str) -> list[bytes]:
    """Any other architecture, the 32-bit numbers among them, is killed."""
    code = [_op(_LOAD, _ARCH), _op(_EQUAL, _AUDIT[machine], 1, 0), _op(_RETURN, KILL), _op(_LOAD, _NR)]
    # x32 calls come under the same architecture, with this bit set in their number.
    return code + ([_op(_AT_LEAST, _X32, 0, 1), _op(_RETURN, KILL)] if machine == "x86_64" else [])


def _known(machine: str) -> dict[str, int]:
    return numbers(ALLOWED + HOSTILE + LOOKED_AT, machine)


def _rule(name: str, processes: int) -> list[bytes]:
    """Filter instructions for a listed call; they end in a return."""
    if name in _ALLOWED:
        return [_op(_RETURN, ALLOW)]
    if name in _HOSTILE:
        return [_op(_RETURN, KILL)]
    return _looked_at(name, processes)


def _looked_at(name: str, processes: int) -> list[bytes]:
    """The rule of a call that depends on its arguments; each ends in a return."""
    several = ALLOW if processes > 1 else KILL
    if name == "capset":
        return [_op(_RETURN, ERRNO | _ENOSYS)]
    if name == "ioctl":
        return _one_of(1, _IOCTLS, ERRNO | 25)  # ENOTTY
    if name == "prctl":
        return _one_of(0, _PRCTLS, ERRNO | _EPERM)
    # 0 is the caller itself.
    if name == "prlimit64":
        return _one_of(0, (0,), ERRNO | _EPERM)
    if name == "socketpair":
        return _one_of(0, (_AF_UNIX,), KILL)
    if name == "clone":
        return [
            _op(_LOAD, _ARGS),
            _op(_ANY_BIT, _NAMESPACES, 0, 1),
            _op(_RETURN, KILL),
            _op(_ANY_BIT, _THREAD, 0, 1),
            _op(_RETURN, ALLOW),
            _op(_RETURN, several),
        ]
    return [_op(_RETURN, several)]


def _one_of(argument: int, values: tuple[int, ...], otherwise: int) -> list[bytes]:
    """Allow when the low half of an argument is one of these values."""
    # BPF loads 32 bits, and the kernel reads these arguments as 32 bits too, so nothing can hide in the high half.
    code = [_op(_LOAD, _ARGS + 8 * argument)]
    for value in values:
        code += [_op(_EQUAL, value, 0, 1), _op(_RETURN, ALLOW)]
    return [*code, _op(_RETURN, otherwise)]


def _when(number: int, body: list[bytes]) -> list[bytes]:
    return [_op(_EQUAL, number, 0, len(body)), *body]


def _op(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("<HBBI", code, then, otherwise, value)
