/*
 * The bottom halves that other threads schedule: SharedStates and SharedSlots (packages/bottom-halves/src), over an
 * AtomicSList (packages/qlist/src/atomic-slist.ts). Rules B1, B5, L6.
 *
 * Two threads schedule; the loop takes, cancels, deletes a bottom half and makes another one, which gets its place if
 * that is free then. Each statement stands for one access to shared memory; what only one thread reads and writes is no step
 * of its own.
 *
 * What a callback sees of the memory of others is modelled too. JavaScript promises it only for what was written before an
 * atomic write that was read. `sure` is, for each thread, how many publications of each scheduler it is sure to see, and
 * `carried` the same for whoever reads the state word. (The head of the list would carry as much; to leave it out is to
 * ask for more of the rest.)
 */

#define TIMES(me) (3 - me)  /* schedules: the first thread makes two, the second one */
#define PLACES 2
#define BHS 2               /* the one that may be deleted, and the one that is made */
#define FORMER 0
#define LATTER 1
#define NONE 255
#define END 0               /* a link is the id plus one */
#define QUEUED 1
#define SCHEDULED 2
#define GENERATION 4

/* shared memory */
byte head
byte next[PLACES]
byte word[PLACES]           /* SharedStates: STATES */
bit mailbox                 /* the handle of the latter was sent */
byte mailPlace
byte mailGeneration

/* the loop's own */
byte owners[PLACES]         /* SharedSlots.#owners */
bit free[PLACES]            /* SharedSlots.#free */
bit due[BHS]                /* BottomHalfList.#queue */
bit deleted

/* what must hold is said in these; they are in no program */
byte sure[6]                /* [thread * 2 + scheduler]; thread 0 is the loop, scheduler s is thread s + 1 */
byte carried[4]             /* [place * 2 + scheduler] */
byte last[4]                /* [bh * 2 + scheduler]: what was published before the last schedule */
byte settled[4]             /* the same: what a run has seen, or a cancel taken back */
bit credit[BHS]             /* it was scheduled since it was run or cancelled */
bit onList[PLACES]

/* An atomic read of the state word, and an atomic write; inside of a step */
inline acquire(me, place) {
    if
    :: carried[place * 2] > sure[me * 2] -> sure[me * 2] = carried[place * 2]
    :: else
    fi;
    if
    :: carried[place * 2 + 1] > sure[me * 2 + 1] -> sure[me * 2 + 1] = carried[place * 2 + 1]
    :: else
    fi
}

inline release(me, place) {
    carried[place * 2] = sure[me * 2];
    carried[place * 2 + 1] = sure[me * 2 + 1]
}

/* ---- any thread ---- */

/* AtomicSList.push() */
inline push(id) {
#ifdef LINKS_AFTER_THE_HEAD
    do
    :: newest = head;
       d_step {
           done = (head == newest);
           if
           :: done -> assert(!onList[id]); onList[id] = 1; head = id + 1
           :: else
           fi
       };
       if
       :: done -> next[id] = newest; break
       :: else
       fi
    od
#else
    do
    :: newest = head;                           /* Atomics.load(memory, this.#head) */
       next[id] = newest;                       /* memory[this.#next + id] = newest */
#ifdef PUSH_STORES_THE_HEAD
       d_step { assert(!onList[id]); onList[id] = 1; head = id + 1 };
       break
#else
       d_step {                                 /* Atomics.compareExchange(memory, this.#head, newest, link) */
           done = (head == newest);
           if
           :: done -> assert(!onList[id]); onList[id] = 1; head = id + 1
           :: else
           fi
       };
       if
       :: done -> break
       :: else
       fi
#endif
    od
#endif
}

/* The schedule counts from here on */
inline scheduled(bh, scheduler) {
    last[bh * 2 + scheduler] = published;
    credit[bh] = 1
}

/* SharedStates.schedule() */
inline schedule(bh, place, generation) {
    do
    :: state = word[place];                     /* Atomics.load(words, at) */
       if
       :: state / GENERATION != generation -> break
#ifdef SCHEDULE_ONLY_LOOKS
       :: state / GENERATION == generation && (state & SCHEDULED) ->
            d_step {
                done = (word[place] == state);
                if
                :: done -> scheduled(bh, me - 1)
                :: else
                fi
            };
            if
            :: done -> break
            :: else
            fi
#endif
       :: else ->
#ifdef PUSHES_BEFORE_THE_BIT
            if
            :: !(state & QUEUED) -> push(place)
            :: else
            fi;
            atomic {
                acquire(me, place);
                word[place] = word[place] | QUEUED | SCHEDULED;
                release(me, place);
                scheduled(bh, me - 1)
            };
            break
#else
            d_step {                            /* Atomics.compareExchange(words, at, state, state | QUEUED | SCHEDULED) */
                acquire(me, place);
#ifdef SCHEDULE_STORES
                done = 1;
#else
                done = (word[place] == state);
#endif
                if
                :: done ->
                    word[place] = state | QUEUED | SCHEDULED;
                    release(me, place);
                    scheduled(bh, me - 1)
                :: else
                fi
            };
            if
            :: done ->
                if
                :: !(state & QUEUED) -> push(place)
                :: else
                fi;
                break
            :: else
            fi
#endif
       fi
    od
}

proctype Scheduler(byte me) {
    byte published, state, newest, place, generation, bh;
    bit done;
    do
    :: published < TIMES(me) ->
        if
        :: bh = FORMER; place = 0; generation = 0
        :: mailbox -> bh = LATTER; place = mailPlace; generation = mailGeneration
        fi;
        d_step { published++; sure[me * 2 + me - 1] = published };
        schedule(bh, place, generation)
    :: else -> break
    od
}

/* ---- the loop ---- */

/* SharedStates.cancel() */
inline cancel(bh, place) {
#ifdef CANCEL_LOADS_AND_STORES
    state = word[place];
    d_step {
        word[place] = state & ~SCHEDULED;
#else
    d_step {                                    /* Atomics.and(words, at, ~SCHEDULED) */
#ifdef CANCEL_CLEARS_BOTH_BITS
        word[place] = word[place] & ~(QUEUED | SCHEDULED);
#else
        word[place] = word[place] & ~SCHEDULED;
#endif
#endif
        acquire(0, place);
        release(0, place);
        settled[bh * 2] = last[bh * 2];
        settled[bh * 2 + 1] = last[bh * 2 + 1];
        credit[bh] = 0;
        due[bh] = 0
    }
}

/* SharedStates.retire(), SharedSlots.remove() */
inline retire(place) {
    do
    :: state = word[place];                     /* Atomics.load(words, at) */
       d_step {                                 /* Atomics.compareExchange(words, at, state, next) */
           acquire(0, place);
#ifdef RETIRE_STORES
           done = 1;
#else
           done = (word[place] == state);
#endif
           if
           :: done ->
#if defined(REUSES_A_PLACE_ON_THE_LIST)
                word[place] = (state & ~(SCHEDULED | QUEUED)) + GENERATION;
                free[place] = 1;
#elif defined(GENERATION_STAYS)
                word[place] = state & ~SCHEDULED;
                free[place] = !(state & QUEUED);
#else
                word[place] = (state & ~SCHEDULED) + GENERATION;
                free[place] = !(state & QUEUED);
#endif
                release(0, place);
                owners[place] = NONE;
                deleted = 1;
                due[FORMER] = 0
           :: else
           fi
       };
       if
       :: done -> break
       :: else
       fi
    od
}

/* SharedSlots.add(), and the handle is sent */
inline create() {
    d_step {
        if
        :: free[0] -> mailPlace = 0
        :: else -> mailPlace = 1
        fi;
        free[mailPlace] = 0;
        owners[mailPlace] = LATTER;
        mailGeneration = word[mailPlace] / GENERATION;
    };
    mailbox = 1
}

/* SharedStates.take(): AtomicSList.takeAll() */
inline takeAll() {
#ifdef TAKES_BY_LOADING_AND_STORING
    link = head;
    head = END;
#else
    d_step { link = head; head = END };         /* Atomics.exchange(this.#memory, this.#head, END) */
#endif
    oldest = END;
    do
    :: link != END ->                           /* TakenIds.add(): #follow(link, oldest) */
        d_step { older = next[link - 1]; next[link - 1] = oldest; oldest = link; link = older }
    :: else -> break
    od
}

/* SharedStates.accept(), and what SharedSlots.takeAll() does with it */
inline accept(id) {
    d_step {                                    /* Atomics.and(words, at, ~(QUEUED | SCHEDULED)) */
        acquire(0, id);
        state = word[id];
#ifndef ACCEPTS_AFTER_THE_CALLBACK
        word[id] = state & ~(QUEUED | SCHEDULED);
#endif
        release(0, id);
        if
        :: owners[id] == NONE -> free[id] = 1
        :: else ->
            if
            :: state & SCHEDULED ->
                assert(credit[owners[id]]);     /* nothing runs twice for a schedule, or for that of another generation */
                credit[owners[id]] = 0;
                due[owners[id]] = 1
            :: else
            fi
        fi
    }
}

/* The callback of a bottom half; it sees what the loop is sure to see */
inline call(bh, id) {
    d_step {
        due[bh] = 0;
        assert(bh == LATTER || !deleted);
        settled[bh * 2] = (sure[0] > settled[bh * 2] -> sure[0] : settled[bh * 2]);
        settled[bh * 2 + 1] = (sure[1] > settled[bh * 2 + 1] -> sure[1] : settled[bh * 2 + 1])
    }
#ifdef ACCEPTS_AFTER_THE_CALLBACK
    ;
    word[id] = word[id] & ~(QUEUED | SCHEDULED)
#endif
}

inline mayCancel() {
    if
    :: skip
    :: cancels > 0 && !deleted -> cancels--; cancel(FORMER, 0)
    :: cancels > 0 && mailbox -> cancels--; cancel(LATTER, mailPlace)
    fi
}

proctype Loop() {
    byte state, link, oldest, older, id;
    byte cancels = 1;
    bit done, deletes;
    if
    :: deletes = 1
    :: skip
    fi;
    do
    :: head != END ->                           /* !states.isEmpty; who pushes notifies: see notify-gate.pml */
        takeAll();
        do
        :: oldest != END ->                     /* TakenIds.next() */
            id = oldest - 1;
#ifdef READS_THE_LINK_LATE
            onList[id] = 0;
            accept(id);
            oldest = next[id]
#else
            d_step { oldest = next[id]; onList[id] = 0 };
            accept(id)
#endif
        :: else -> break
        od;
        mayCancel();
        if
        :: due[FORMER] -> call(FORMER, 0)
        :: else
        fi;
        if
        :: due[LATTER] -> call(LATTER, mailPlace)
        :: else
        fi
    :: deletes && !deleted -> retire(0)
    :: !mailbox -> create()
    :: cancels > 0 -> mayCancel()
    od
}

/* ---- what must hold ---- */

/*
 * Where nobody can go on: nothing is on the list, and each schedule was followed by a run that saw what had been published
 * before, unless it was cancelled since or the bottom half deleted.
 */
active proctype Watch() {
    timeout -> d_step {
        assert(head == END);
        assert(deleted || settled[FORMER * 2] >= last[FORMER * 2]);
        assert(deleted || settled[FORMER * 2 + 1] >= last[FORMER * 2 + 1]);
        assert(settled[LATTER * 2] >= last[LATTER * 2]);
        assert(settled[LATTER * 2 + 1] >= last[LATTER * 2 + 1]);
        assert(!due[FORMER] && !due[LATTER])
    }
}

init {
    atomic {
        owners[0] = FORMER;
        owners[1] = NONE;
        run Loop();
        run Scheduler(1);
        run Scheduler(2)
    }
}
