/*
 * Request, selection, commit, reveal, verdict, standbys and retries of one purl, as 2-trust.md ("Random selection", "Agreement") has
 * them, for exhaustive search by spin. `npm run model` runs it with the bounds and variants of checks.ts.
 *
 * What is abstracted: the beacon is a free choice of who sits where; a hash is the value that it hides, and a copied commitment is
 * `junk`, which nobody can open; the log is one process that takes transactions one by one in any order, a lost one being one that
 * nobody sends. Honest organisations are alike, so of those in the same position the first acts, and draws deal out kinds.
 * Transactions that the rules must not count (late, replayed from another attempt, twice, unselected, another result than the
 * committed one) leave no trace, so one of each attempt, at any moment, from anybody, stands for all of them.
 * Time: without TIMELY a deadline may pass at any moment, which stands for every delay, loss and crash. With TIMELY it passes when
 * all that are honest and alive have done their part: the network as it is when faults stop.
 * Every step moves something that never moves back, so every run ends; a run that ends before `closed` is an invalid end state.
 */

/* Design: of M drawn Q0 must agree. As built: Q and S. A check that finds nothing for other Q and S than these would be no check. */
#ifndef M
#define M 4
#endif
#ifndef Q0
#define Q0 3
#endif
#ifndef Q
#define Q Q0
#endif
#ifndef S
#define S (M - Q0)
#endif
/* Organisations 0 to HOSTILE - 1 are hostile; at most DRAWN_HOSTILE_MAX of them are drawn, standbys not counted. */
#ifndef ORGS
#define ORGS (M + S + 1)
#endif
#ifndef HOSTILE
#define HOSTILE 2
#endif
#ifndef DRAWN_HOSTILE_MAX
#define DRAWN_HOSTILE_MAX M
#endif
/* At most SILENT honest organisations are down for good. Matters with TIMELY only. */
#ifndef SILENT
#define SILENT 0
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 2
#endif

/* Values of a commitment or a result. */
#define NONE 0
#define TRUTH 1
#define LIE 2
#define JUNK 3

/* What an organisation is in the attempt at hand. */
#define OUTSIDE 0
#define DRAWN 1
#define WAITING 2
#define CALLED 3
#define MISSED 4
#define FAULTY 5

mtype = { drawing, committing, revealing, failed, agreed, closed };
mtype phase = drawing;
byte attempt = 1;
byte quorum = Q;
byte verdicts = 0;          /* of this attempt */
byte agreements = 0;        /* of the request */
byte seat[ORGS];
byte committed[ORGS];
byte revealed[ORGS];
bool disturbed;
bool down[ORGS];

#define IS_HOSTILE(o) ((o) < HOSTILE)
#define HOLDS_SEAT(o) (seat[o] == DRAWN || seat[o] == CALLED)
#ifdef OUTSIDERS_VOTE
#define MAY_VOTE(o) true
#else
#define MAY_VOTE(o) HOLDS_SEAT(o)
#endif

/* --- the log's rules: what the state machine does with each transaction --- */

/* The verdict, and everything that must hold of one. */
inline decide() {
  d_step {
    truths = 0; lies = 0; i = 0;
    do
    :: i < ORGS -> truths = truths + (revealed[i] == TRUTH); lies = lies + (revealed[i] == LIE); i++
    :: else -> break
    od;
    verdicts++;
    assert(verdicts == 1);                      /* never two verdicts for one attempt */
#ifndef WITHOUT_NOMINAL
    assert(quorum == Q0);                       /* q never falls */
#endif
    assert(!(truths >= quorum && lies >= quorum));
    outcome = (truths >= quorum -> TRUTH : (lies >= quorum -> LIE : NONE));
    /* Counted anew, by other means than the tally: organisations that hold a seat, committed to this result and revealed it. */
    supporters = 0; originals = 0; i = 0;
    do
    :: i < ORGS ->
       supporters = supporters + (HOLDS_SEAT(i) && committed[i] == outcome && revealed[i] == outcome);
       originals = originals + (seat[i] == DRAWN && committed[i] == outcome && revealed[i] == outcome); i++
    :: else -> break
    od;
#ifndef WITHOUT_NOMINAL
    assert(outcome == NONE || supporters >= Q0);            /* never agreement without q of the selected */
    assert(outcome == NONE || originals >= 2 * Q0 - M);     /* standbys replace at most m - q of those drawn */
#endif
#ifdef NO_LIE
    assert(outcome != LIE);
#endif
#ifdef MUST_AGREE
    assert(outcome == TRUTH);
#endif
    agreements = agreements + (outcome != NONE);
    assert(agreements <= 1);                    /* one live verdict for a purl */
#ifndef DECIDES_TWICE
    phase = (outcome != NONE -> agreed : failed);
#endif
    truths = 0; lies = 0; supporters = 0; originals = 0; outcome = NONE; waitedFor = 0; bound = 0; i = 0
  }
}

/* Goes on to the next phase if nobody is waited for in this one. */
inline goOn() {
  d_step {
    waitedFor = 0; bound = 0; i = 0;
    do
    :: i < ORGS ->
       waitedFor = waitedFor + (phase == committing -> (HOLDS_SEAT(i) && committed[i] == NONE)
                                                     : (committed[i] != NONE && revealed[i] == NONE));
       bound = bound + (committed[i] != NONE); i++
    :: else -> break
    od;
    i = 0 };
  if
  :: phase == committing && waitedFor == 0 && bound >= quorum -> phase = revealing; waitedFor = 0; bound = 0
  :: phase == committing && waitedFor == 0 && bound < quorum -> decide()
  :: phase == revealing && waitedFor == 0 -> decide()
  :: waitedFor > 0 -> waitedFor = 0; bound = 0
  fi
}

inline takeCommit(o, a, v) {
  if
  :: a == attempt && phase == committing && MAY_VOTE(o) && committed[o] == NONE -> committed[o] = v; goOn()
  :: a == attempt && committed[o] != NONE && committed[o] != v ->     /* equivocation: neither counts */
     seat[o] = FAULTY; committed[o] = NONE; revealed[o] = NONE; goOn()
  :: else -> skip                               /* late, twice the same, unselected or for another attempt: not counted */
  fi
}

inline takeReveal(o, a, v) {
  if
  :: a == attempt && phase == revealing && committed[o] == v && revealed[o] == NONE && v != JUNK -> revealed[o] = v; goOn()
  :: a == attempt && phase == revealing && committed[o] != NONE && committed[o] != v && revealed[o] == NONE ->
     seat[o] = FAULTY; committed[o] = NONE; goOn()                    /* not what was committed to: it does not count at all */
  :: else -> skip                               /* too early, late, twice, unselected, or for another attempt: not counted */
  fi
}

/* --- everybody else --- */

/* The request is there; randomness comes out; attempts follow each other after a logged failure alone. */
active proctype Request() {
  byte i, drawn, standbys;
  do
  :: atomic { phase == drawing ->
       i = 0;
       do :: i < ORGS -> seat[i] = OUTSIDE; committed[i] = NONE; revealed[i] = NONE; i++ :: else -> break od;
       /* How many of the hostile are drawn, and how many of them stand by. */
       drawn = 0;
       do :: drawn < HOSTILE && drawn < M && drawn < DRAWN_HOSTILE_MAX -> drawn++ :: M - drawn <= ORGS - HOSTILE -> break od;
       standbys = 0;
       do
       :: standbys < S && drawn + standbys < HOSTILE -> standbys++
       :: (M - drawn) + (S - standbys) <= ORGS - HOSTILE -> break
       od;
       d_step {
         i = 0;
         do
         :: i < HOSTILE ->
            seat[i] = (i < drawn -> DRAWN : (i < drawn + standbys -> WAITING : OUTSIDE)); i++
         :: else -> break
         od;
         i = 0;
         do
         :: i < ORGS - HOSTILE ->
            seat[HOSTILE + i] = (i < M - drawn -> DRAWN : (i < (M - drawn) + (S - standbys) -> WAITING : OUTSIDE)); i++
         :: else -> break
         od;
         i = 0; drawn = 0; standbys = 0;
         verdicts = 0; disturbed = false; quorum = Q; phase = committing
       }
     }
  :: atomic { phase == failed && attempt < ATTEMPTS -> attempt++; phase = drawing }
  :: phase == failed -> phase = closed          /* the requester gives up, or has no attempt left */
#ifdef AGAIN_AFTER_AGREEMENT
  :: atomic { phase == agreed && attempt < ATTEMPTS -> attempt++; phase = drawing }
#endif
  :: phase == agreed -> phase = closed
  :: phase == closed -> break
  od
}

/* When a deadline passes: see "Time" above. Written out for up to ten organisations, because Promela has no quantifiers. */
#ifdef TIMELY
#define ALIVE(o) ((o) < ORGS && !IS_HOSTILE(o) && !down[(o) % ORGS])
#define COMMITS(o) (!ALIVE(o) || !HOLDS_SEAT((o) % ORGS) || committed[(o) % ORGS] != NONE)
#define REVEALS(o) (!ALIVE(o) || committed[(o) % ORGS] == NONE || revealed[(o) % ORGS] != NONE)
#define FOR_ALL(f) (f(0) && f(1) && f(2) && f(3) && f(4) && f(5) && f(6) && f(7) && f(8) && f(9))
#define COMMITS_DUE FOR_ALL(COMMITS)
#define REVEALS_DUE FOR_ALL(REVEALS)
#else
#define COMMITS_DUE true
#define REVEALS_DUE true
#endif

/* Consensus time: deadlines. */
active proctype Clock() {
  byte i, missed, waitedFor, bound, truths, lies, outcome, supporters, originals;
end:
  do
  :: atomic { phase == committing && COMMITS_DUE -> d_step {
       missed = 0; i = 0;
       do
       :: i < ORGS -> if :: HOLDS_SEAT(i) && committed[i] == NONE -> seat[i] = MISSED; missed++ :: else -> skip fi; i++
       :: else -> break
       od;
#ifdef QUORUM_OF_ANSWERS
       quorum = (quorum > missed + 1 -> quorum - missed : 1);
#endif
       waitedFor = 0; i = 0;
       do
       :: i < ORGS ->
          if :: seat[i] == WAITING && waitedFor < missed -> seat[i] = CALLED; waitedFor++ :: else -> skip fi; i++
       :: else -> break
       od;
       missed = 0; i = 0 };
       if :: waitedFor == 0 -> goOn() :: else -> waitedFor = 0 fi
     }
#ifndef NO_LAST_DEADLINE
  :: atomic { phase == revealing && REVEALS_DUE -> decide() }
#endif
  od
}

/* Of the honest in one position, all alike, the first acts. */
#define SAME(k, o) ((k) < (o) && !IS_HOSTILE(k) && !down[(k) % ORGS] && seat[(k) % ORGS] == seat[o] \
  && committed[(k) % ORGS] == committed[o] && revealed[(k) % ORGS] == revealed[o])
#define FIRST(o) !(SAME(0, o) || SAME(1, o) || SAME(2, o) || SAME(3, o) || SAME(4, o) || SAME(5, o) \
  || SAME(6, o) || SAME(7, o) || SAME(8, o) || SAME(9, o))

/* Builds, commits, reveals. */
proctype Honest(byte o) {
  byte i, waitedFor, bound, truths, lies, outcome, supporters, originals;
end:
  do
  :: atomic { !down[o] && phase == committing && HOLDS_SEAT(o) && committed[o] == NONE && FIRST(o) ->
       takeCommit(o, attempt, TRUTH) }
  :: atomic { !down[o] && phase == revealing && committed[o] == TRUTH && revealed[o] == NONE && FIRST(o) ->
       takeReveal(o, attempt, TRUTH) }
  od
}

/* Does what it likes of what the rules may count. */
proctype Hostile(byte o) {
  byte v, i, waitedFor, bound, truths, lies, outcome, supporters, originals;
end:
  do
  :: atomic { phase == committing && MAY_VOTE(o) && committed[o] == NONE ->
       if :: v = TRUTH :: v = LIE :: v = JUNK fi; takeCommit(o, attempt, v); v = NONE }
  :: atomic { phase == revealing && committed[o] != NONE && committed[o] != JUNK && revealed[o] == NONE ->
       v = committed[o]; takeReveal(o, attempt, v); v = NONE }
  od
}

/* One transaction of each attempt that must not count, whoever signed it. */
active proctype Nonsense() {
  byte o, v, i, waitedFor, bound, truths, lies, outcome, supporters, originals;
end:
  do
  :: atomic { !disturbed && (phase == committing || phase == revealing) ->
       disturbed = true;
       o = 0;
       do :: o < ORGS - 1 -> o++ :: break od;
       if :: v = TRUTH :: IS_HOSTILE(o) -> v = LIE fi;               /* the honest never sign anything else */
       if
       :: phase == committing -> takeReveal(o, attempt, v)                                  /* before its time */
       :: phase == revealing -> takeCommit(o, attempt, v)                                   /* late */
       :: committed[o] != NONE || !HOLDS_SEAT(o) -> takeCommit(o, attempt, v)               /* equivocating; twice; unselected */
       :: committed[o] != v -> takeReveal(o, attempt, v)                                    /* another result */
       :: revealed[o] != NONE -> takeReveal(o, attempt, v)                                  /* twice */
       :: attempt > 1 -> takeCommit(o, attempt - 1, v)                                      /* replayed */
       :: attempt > 1 -> takeReveal(o, attempt - 1, v)
       fi;
       o = 0; v = NONE }
  od
}

init {
  byte o, dead;
  atomic {
    o = 0;
    do
    :: o < ORGS ->
       if
       :: IS_HOSTILE(o) -> run Hostile(o)
       :: !IS_HOSTILE(o) -> run Honest(o)
       :: !IS_HOSTILE(o) && dead < SILENT -> down[o] = true; dead++
       fi;
       o++
    :: else -> break
    od
  }
}
