/*
 * EventNotifier and NotifierWatch (packages/notifier/src/event-notifier.ts, notifier-watch.ts). Rules N7 and P6.
 *
 * Two threads set it. A loop watches it, that polls before it sleeps as AioContext.poll() does; with POLLER
 * one thread sets it, and somebody else watches it too, who polls, and stops or is terminated.
 *
 * Published work is a bit for each thread that sets. A watcher looks at it only when testAndClear() said true.
 *
 * Each step stands for one access to shared memory or one system call. What only one thread reads and writes is no step of
 * its own.
 */

bit isSet                       /* the words: FLAGS, which holds SET and RUNG, */
bit isRung
byte sleepers                   /* SLEEPERS, POLLERS */
byte pollers
bit event                       /* the counter of the eventfd: its low half */
bit bell                        /* and its high half, in which doorbells are */
#define readable (event || bell)

bit work[2]                     /* published by setter i, and not done yet */
bit late                        /* that of setter 1 was published when the poller was dead */
bit killed                      /* the thread of setter 0 was terminated */
bit dead                        /* or that of the poller */
bit asleep                      /* the loop is in a wait that blocks */
bit gone                        /* it watches no more */
byte sets                       /* calls of set() that have begun, and have not been told of */

/* needsDescriptor() */
inline needsDescriptor(needs) {
#ifndef A_FLAG_AND_NO_COUNT
    needs = (sleepers != 0);                    /* Atomics.load(words, SLEEPERS) !== 0 */
#endif
    atomic {
        if
        :: !needs -> needs = (pollers == 0)     /* Atomics.load(words, POLLERS) === 0 */
        :: else
        fi
    }
}

/* Eventfd.ring() */
inline ring() {
    isRung = 1;                                 /* Atomics.or(words, FLAGS, RUNG) */
#ifdef DOORBELLS_ARE_EVENTS
    event = 1
#else
    bell = 1
#endif
}

/* ---- any thread ---- */

/* EventNotifier.set() */
inline set() {
#if defined(LOOKS_BEFORE_IT_STORES)
    needsDescriptor(needs);
    isSet = 1;
#elif defined(SKIPS_IF_SET)
    d_step { needs = isSet; isSet = 1 };
    if
    :: needs -> needs = 0
    :: else -> needsDescriptor(needs)
    fi;
#else
    isSet = 1;                                  /* Atomics.or(words, FLAGS, SET) */
    needsDescriptor(needs);
#endif
    if
    :: needs -> ring()
    :: else
    fi
}

proctype Setter(byte i) {
    bit needs;
    {
        atomic { sets++; work[i] = 1; late = (i == 1 && dead) };
        if
        :: set()
        :: event = 1                            /* EventNotifier.fromFd(fd).set(), or the kernel */
        fi
    } unless { killed && i == 0 }
}

/* Worker.terminate(), at any point or not at all, of a thread that sets or of one that watches */
proctype Killer() {
    if
#ifdef POLLER
    :: dead = 1
#else
    :: killed = 1
#endif
    :: skip
    fi
}

/* ---- watchers ---- */

/* Nobody is told more often than it was set. */
inline told(how) {
    assert(!how || sets > 0);
    sets = sets - how
}

/* (Atomics.exchange(words, FLAGS, 0) & SET) !== 0 */
inline takeFlags(had) {
    d_step { had = isSet; isSet = 0; isRung = 0 }
}

/* Eventfd.take() */
inline take(events) {
    d_step { events = event; event = 0; bell = 0 }
}

/* EventNotifier.testAndClear() */
inline testAndClear(had) {
    d_step { had = (isSet && !isRung); isSet = (isSet && !had) };       /* Atomics.compareExchange(words, FLAGS, SET, 0) */
    if
    :: had
    :: else ->
#ifdef TAKES_THE_FLAGS_FIRST
        takeFlags(had);
#endif
#ifdef READS_ONLY_WHAT_IS_SET
        if
        :: isSet -> take(events)
        :: else
        fi;
#else
        take(events);
#endif
#ifndef TAKES_THE_FLAGS_FIRST
        takeFlags(had);
#endif
        d_step { had = had || events; events = 0 }
    fi;
    d_step { told(had) }
}

inline doWork() {
    d_step { work[0] = 0; work[1] = 0 }
}

/* The callback `read`, or pollReady */
inline read(had) {
#ifdef CLEARS_AFTER_THE_WORK
    atomic {
        if
        :: isSet || event -> doWork()
        :: else
        fi
    };
    testAndClear(had);
#else
    testAndClear(had);
    atomic {
        if
        :: had -> doWork()
        :: else
        fi
    };
#endif
    had = 0
}

/* NotifierWatch.#ringIfSet(), in two steps */
inline ringIfSet() {
    if
    :: isSet -> ring()                          /* Atomics.load(words, FLAGS) & SET */
    :: !isSet
    fi
}

/* NotifierWatch.start() */
inline start() {
    sleepers++;                                 /* Atomics.add(words, SLEEPERS, 1) */
#ifndef STARTS_WITHOUT_A_LOOK
    ringIfSet()
#endif
}

/* NotifierWatch.begin() */
inline begin() {
    pollers++;                                  /* Atomics.add(words, POLLERS, 1) */
    sleepers--                                  /* Atomics.sub(words, SLEEPERS, 1) */
}

/* NotifierWatch.end() */
inline end() {
#ifdef LOOKS_BEFORE_IT_SLEEPS
    ringIfSet();
#endif
    sleepers++;                                 /* Atomics.add(words, SLEEPERS, 1) */
    pollers--;                                  /* Atomics.sub(words, POLLERS, 1) */
#if !defined(LOOKS_BEFORE_IT_SLEEPS) && !defined(NO_LAST_LOOK)
    ringIfSet()
#endif
}

/* NotifierWatch.stop(), of one who polls */
inline stopPolling() {
    pollers--;                                  /* Atomics.sub(words, POLLERS, 1) */
#ifndef STOPS_WITHOUT_A_LOOK
    ringIfSet()
#endif
}

/* and of one who does not */
inline stopSleeping() {
    sleepers--                                  /* Atomics.sub(words, SLEEPERS, 1) */
}

/* NotifierWatch.poll(): a look at the word, and now and then one at the descriptor */
inline poll(found) {
    found = isSet;                              /* Atomics.load(words, FLAGS) & SET */
    if
    :: skip
    :: atomic { !found && readable -> take(found) };    /* #look(): eventfdRead(fd) */
        if
        :: found -> isSet = 1                   /* Atomics.or(words, FLAGS, SET) */
        :: else
        fi;
#ifdef POLLER
        needsDescriptor(needs);                 /* which it never does for who is alone */
        if
        :: needs -> needs = 0; ringIfSet()
        :: else
        fi
#endif
        skip
    fi
}

/* A context with one handler: polls or not, then sleeps, and so on until it removes the handler. */
proctype Watcher() {
    bit needs, had, found, events, polls;
    start();
again:
    if
    :: begin();
       polls = 1;
       goto polling
    :: stopSleeping();
       goto away
    :: skip
    fi;

sleeping:                                       /* FdMonitor.wait() */
    if
    :: atomic { readable -> asleep = 0 }
    :: atomic { !readable && !asleep -> asleep = 1; goto sleeping }
    fi;

reading:
    read(had);
    if
    :: polls
    :: else -> goto again
    fi;

polling:
    poll(found);
    if
    :: found -> found = 0;
       goto reading
    :: else                                     /* for long enough */
    fi;
    polls = 0;
    if
    :: stopPolling()
    :: end();
       goto sleeping
    fi;

away:
    gone = 1
}

#ifdef POLLER
proctype Poller() {
    bit needs, had, found, events;
    {
        start();
        begin();
        do
        :: poll(found);
           if
           :: found -> found = 0; read(had)
           :: else -> break
           fi
        od;
        if
        :: stopPolling()
        :: end();
           stopSleeping()
        fi
    } unless { dead }
}
#endif

/* ---- what must hold ---- */

#ifdef REST
/* When all is set and taken the loop comes to rest: it sleeps, or is gone, and it stays so. */
ltl rest { <> [] (asleep || gone) }
#else
/* Where nobody can go on nothing is left undone while somebody watches, and who comes later finds it readable. */
active proctype Watch() {
    timeout -> d_step {
        assert(asleep || gone);
        if
        :: (work[0] && !killed && !dead) || (work[1] && (!dead || late)) -> assert(gone && (readable || dead))
        :: else
        fi
    }
}
#endif

init {
    atomic {
#ifdef POLLER
        run Poller();
#else
        run Setter(0);
#endif
        run Setter(1);
        run Watcher();
        run Killer()
    }
}
