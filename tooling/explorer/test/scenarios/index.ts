import { cancelling, duringDispatch, nested, notifiers, reusing, schedulers, terminated } from './context.ts'
import { awake, host, inside, leftOver } from './gate.ts'
import { list } from './list.ts'
import { another, byNumber, left, setters } from './notifier.ts'
import { answered, byMessage, cancelled, died, dismissed, idle, leaving, taken } from './pool.ts'
import type { MakeScenario } from './world.ts'

/** By what they are about, with the rules that they prove. */
export const scenarios = {
  'N1, N2, N3, N6: two notifiers and a context': notifiers,
  'N3: a notification during the dispatch': duringDispatch,
  'N1, N5: one of two threads is terminated': terminated,
  'B1: a thread that schedules twice': schedulers({ bh: 'bh', times: 2 }),
  'B1, N5: two threads that schedule the same bottom half': schedulers(
    { bh: 'bh', times: 1 },
    { bh: 'bh', times: 1 },
  ),
  'L6, N5: two threads that schedule one bottom half each': schedulers(
    { bh: 'a', times: 1 },
    { bh: 'b', times: 1 },
  ),
  'B4, N5: a nested poll waits for what another thread schedules': nested,
  'B5: a schedule that is cancelled': cancelling,
  'B5: a place that is used again': reusing,
  'N1: an owner that is awake is not written to': awake,
  'N2: a poll inside the bracket of another': inside('poll'),
  'N4: a host loop inside the bracket of a poll': inside('host'),
  'N4: a host loop whose callback schedules': host('schedules'),
  'N4: a host loop whose callback polls': host('polls'),
  'N4: a host loop whose callback polls, and a bottom half schedules itself': leftOver('scheduling'),
  'N4: a host loop whose callback polls, and a bottom half throws': leftOver('throwing'),
  'N7, P6: two threads set a notifier that is polled': setters(true, 1, 1),
  'N7, P6: a thread sets a notifier twice that is polled': setters(true, 2),
  'N7: a thread sets a notifier twice that is watched': setters(false, 2),
  'N7: a notifier that is polled is set by number': byNumber,
  'N7: another watcher polls a notifier and stops': another('stops'),
  'N7: another watcher dies while it polls a notifier': another('dies'),
  'N7: who watched a notifier waits for its descriptor': left,
  'L6: two threads push and one takes': list,
  'W1, W3: a pool answers two requests': answered,
  'W3: two threads run two requests at the same time': taken,
  'W4: a request of a pool is cancelled, and its slot used again': cancelled,
  'W6: a thread of a pool dies': died,
  'W2: one thread of two is to go': dismissed,
  'W2: idle threads leave, but not both': idle,
  'W2: a thread leaves while there is something to do': leaving,
  'W1: an argument goes by message': byMessage,
} satisfies Record<string, MakeScenario>

export type ScenarioName = keyof typeof scenarios
