/*
 * NotifyGate (packages/notifier/src/notify-gate.ts) and the loops around it: AioContext.poll(), and a host loop that an
 * attached context runs in. Rules N1 to N5.
 *
 * Published work is a bit for each notifier. The owner looks at it when it dispatches and nowhere else, which is less
 * than #timeoutNs() does in the code: so the gate alone has to see to it that nothing is left undone.
 *
 * Each statement stands for one access to shared memory or one system call. What only the owner reads and writes is no
 * step of its own.
 */

#define NOTIFIERS 2
/* How often each of them notifies. The host loop has callbacks of its own twice. */
#ifdef ATTACHED
#define TIMES 1
#else
#define TIMES 2
#endif
#define HOST 1
#define SLEEPER 2

byte notifyMe           /* the words of the gate */
bit notified
bit eventfd             /* its counter, of which only "readable" matters */

bit work[NOTIFIERS]     /* published by notifier i, and not done yet */
bit own                 /* the owner's: a bottom half that it scheduled itself */
bit timer               /* what else the host loop wakes for */
bit killed              /* the thread of notifier 0 was terminated */
bit asleep              /* the owner is in a wait that blocks */
bit dispatching         /* for the mutant */

/* ---- any thread ---- */

/* NotifyGate.notify(), after the caller has published its work (RemoteBottomHalf.schedule()) */
inline notify(i) {
    work[i] = 1;
#if defined(LOOKS_BEFORE_IT_STORES)
    sleeps = (notifyMe != 0);
    notified = 1;
#elif defined(SKIPS_IF_NOTIFIED)
    /* Atomics.exchange(words, NOTIFIED, 1) */
    d_step { sleeps = !notified; notified = 1 };
    sleeps = (sleeps && notifyMe != 0);
#elif defined(READS_DISPATCHING)
    notified = 1;
    sleeps = !dispatching;
#else
    notified = 1;                               /* Atomics.store(words, NOTIFIED, 1) */
    sleeps = (notifyMe != 0);                   /* Atomics.load(words, NOTIFY_ME) !== 0 */
#endif
    if
    :: sleeps -> eventfd = 1                    /* #write() */
    :: else
    fi
}

proctype Notifier(byte i) {
    bit sleeps;
    byte n;
    {
        do
        :: n < TIMES -> n++; notify(i)
        :: else -> break
        od
    } unless { killed && i == 0 }
}

/* Worker.terminate(), at any point or not at all */
proctype Killer() {
    if
    :: killed = 1
    :: skip
    fi
}

#ifdef ATTACHED
/* Another reason for the host loop to wake */
proctype Timer() {
    byte n;
    do
    :: n < 2 && !timer -> n++; timer = 1
    :: n == 2 -> break
    od
}
#endif

/* ---- the owner ---- */

/* NotifyGate.nudge(), after the owner has scheduled something */
inline nudge() {
    own = 1;
#ifndef NEVER_NUDGES
    if
    :: notifyMe != 0 -> eventfd = 1
    :: else
    fi
#endif
}

/* nudge() with the onNudge of an Attachment: HostLoop.touch() has the host loop not sleep, so nobody has to wake it */
inline nudgeTelling() {
    own = 1;
#ifndef SAYS_AWAKE_AND_LETS_IT_SLEEP
    may = 0;
#endif
    hostCheck()
}

/* NotifyGate.beginWait(); `idle` is what the timeout was computed from before */
inline beginWait(may, idle, isNested) {
#if defined(LOOKS_BEFORE_IT_RAISES)
    may = (idle && !notified);
    notifyMe = notifyMe + SLEEPER
#else
    notifyMe = notifyMe + SLEEPER;              /* Atomics.add(words, NOTIFY_ME, SLEEPER) */
    may = (idle && !notified)                   /* Atomics.load(words, NOTIFIED) === 0 */
#endif
#ifdef READS_DISPATCHING
    ;
    if
    :: !isNested -> dispatching = 0
    :: else
    fi
#endif
}

/* NotifyGate.endWait() */
inline endWait(isNested) {
#ifdef A_FLAG_AND_NO_COUNT
    notifyMe = 0
#else
    notifyMe = notifyMe - SLEEPER               /* Atomics.sub(words, NOTIFY_ME, SLEEPER) */
#endif
#ifdef READS_DISPATCHING
    ;
    if
    :: !isNested -> dispatching = 1
    :: else
    fi
#endif
}

/* NotifyGate.hostPrepare() */
inline hostPrepare(may, idle) {
    notifyMe = notifyMe | HOST;                 /* Atomics.or(words, NOTIFY_ME, HOST) */
#ifdef PREPARES_WITHOUT_LOOKING
    may = idle
#else
    may = (idle && !notified)                   /* Atomics.load(words, NOTIFIED) === 0 */
#endif
}

/* NotifyGate.hostCheck() */
inline hostCheck() {
#ifdef CHECK_CLEARS_EVERYTHING
    notifyMe = 0
#else
    notifyMe = notifyMe & ~HOST                 /* Atomics.and(words, NOTIFY_ME, ~HOST) */
#endif
}

/* FdMonitor.wait(): blocks if it may */
inline wait(may, signalled) {
    if
    :: may ->
        atomic { asleep = !eventfd; };
        atomic { eventfd -> asleep = 0 }
    :: else
    fi;
    signalled = eventfd
}

/* NotifyGate.accept(), its two steps */
inline clearEventfd(signalled) {
#ifndef NEVER_CLEARS_THE_EVENTFD
    if
    :: signalled -> eventfd = 0                 /* Eventfd.take() */
    :: else
    fi
#else
    skip
#endif
}

inline clearNotified() {
#ifndef NEVER_CLEARS_NOTIFIED
    if
    :: notified -> notified = 0                 /* load and, in another step, store of NOTIFIED */
    :: else
    fi
#else
    skip
#endif
}

inline accept(signalled) {
#ifndef CLEARS_THE_EVENTFD_AFTER_DISPATCH
    clearEventfd(signalled);
#endif
    clearNotified()
}

/* AioContext.#dispatch(): bottom halves, then handlers; notifier 0 has work of the first kind and 1 of the other */
inline dispatch(signalled) {
    own = 0;
    work[0] = 0;
#ifdef ACCEPTS_AFTER_BOTTOM_HALVES
    accept(signalled);
#endif
    work[1] = 0;
#ifdef ACCEPTS_AFTER_DISPATCH
    accept(signalled);
#endif
#ifdef CLEARS_THE_EVENTFD_AFTER_DISPATCH
    clearEventfd(signalled);
#endif
}

inline acceptAndDispatch(signalled) {
#if !defined(ACCEPTS_AFTER_BOTTOM_HALVES) && !defined(ACCEPTS_AFTER_DISPATCH)
    accept(signalled);
#endif
    dispatch(signalled)
}

/* AioContext.poll(true), in a callback: it ends when something happened */
inline nestedPoll() {
    idle = !own;
    beginWait(innerMay, idle, true);
    wait(innerMay, innerSignalled);
    endWait(true);
    acceptAndDispatch(innerSignalled)
}

/* AioContext.poll(false), or one that blocks and has found something by polling: leaves notifyMe alone */
inline pollWithoutWaiting() {
    if
    :: innerSignalled = eventfd
    :: innerSignalled = 0                       /* AdaptivePolling looks at NOTIFIED, and not at the eventfd */
    fi;
    acceptAndDispatch(innerSignalled)
}

/* AioContext.poll(true), with what may be between the beginning and the end of its wait */
inline poll() {
    idle = !own;
    beginWait(may, idle, false);
    if
    :: skip
    :: inner > 0 -> inner--; beginWait(innerMay, idle, true); endWait(true)
    :: inner > 0 -> inner--; hostPrepare(innerMay, idle); hostCheck()
    fi;
    wait(may, signalled);
    endWait(false);
    acceptAndDispatch(signalled);
    if
    :: skip
    :: inner > 0 -> inner--; nestedPoll()       /* a callback waits for something */
    :: inner > 0 -> inner--; pollWithoutWaiting()
    fi
}

/*
 * A turn of a host loop: prepare, sleep, callbacks of its own, check. It may sleep again before the check, unless
 * prepare or what it is told forbids it to sleep.
 */
inline turn() {
    idle = !own;
    hostPrepare(may, idle);
    do
    :: if
       :: may ->
            atomic { asleep = !(eventfd || timer); };
            atomic { (eventfd || timer) -> asleep = 0 }
       :: else
       fi;
       signalled = eventfd;
       if
       :: timer ->
            timer = 0;
            if
            :: skip
            :: nudge()                          /* BottomHalf.schedule() in the callback */
            :: nudgeTelling()                   /* the same, of a host loop that can be told */
            :: inner > 0 -> inner--; nestedPoll()
            fi;
            if
            :: signalled -> break
            :: else                             /* and again, without another prepare */
            fi
       :: else -> break
       fi
    od;
    hostCheck();
    acceptAndDispatch(signalled)
}

proctype Owner() {
    bit may, signalled, innerMay, innerSignalled, idle;
    byte inner = 2;                             /* nested things in one behaviour */
#ifdef ATTACHED
    do
    :: turn()
    od
#else
    do
    :: poll()
    :: notified -> pollWithoutWaiting()         /* AdaptivePolling has seen it: rule P9 */
    od
#endif
}

/* ---- what must hold ---- */

#ifdef REST
/* When all is notified and done the owner comes to rest: it sleeps and goes on sleeping. */
ltl rest { <> [] asleep }
#elif defined(SERVED)
/* Whoever notifies is served. */
ltl served { [] (work[1] -> <> !work[1]) }
#else
/* Where nobody can go on, because the others have ended and the owner sleeps, nothing is left undone (N5). */
active proctype Watch() {
    timeout -> d_step {
        assert(asleep);
        assert(!work[1]);
        assert(!work[0] || killed);
        assert(!own)
    }
}
#endif

init {
    atomic {
        run Owner();
        run Notifier(0);
        run Notifier(1);
        run Killer();
#ifdef ATTACHED
        run Timer()
#endif
    }
}
