/**
 * Step 1: what exactly is wanted? Drives the ecosystem's generator: it asks by yielding needs, the answers come from the
 * kept documents, the store, upstream and trusted peers (`documents/`), or from the blob path of this same flow.
 */
import { AppError, throwIfAborted } from '../base/errors.ts'
import type { Got, Need, Resolution, Want } from '../base/located.ts'
import type { Ecosystem, RequestView, ResolveContext } from '../ecosystems/ecosystem.ts'

/** Answers one need. `unaskable` collects upstreams that failed while this request was resolved. */
export type AnswerNeed = (need: Need, unaskable: Set<string>) => Promise<Got>

/** What a want turned out to be, and which upstreams could not be asked on the way. */
export interface Resolved {
  readonly resolution: Resolution
  readonly unaskable: ReadonlySet<string>
}

/**
 * Resolves a want in at most `needsMax` needs.
 * @throws bug.assertion if the ecosystem asks for more; aborted.caller
 */
export async function resolve(
  ecosystem: Ecosystem,
  want: Want,
  request: RequestView,
  context: ResolveContext,
  options: { readonly needsMax: number; readonly answer: AnswerNeed; readonly signal: AbortSignal },
): Promise<Resolved> {
  const unaskable = new Set<string>()
  const asking = ecosystem.resolve(want, request, context)
  let step = asking.next()
  for (let asked = 0; !step.done; asked++) {
    if (asked === options.needsMax) {
      throw new AppError(
        'bug.assertion',
        `${ecosystem.id} asked more than ${options.needsMax} times for ${request.path}`,
      )
    }
    throwIfAborted(options.signal)
    step = asking.next(await options.answer(step.value, unaskable))
  }
  return { resolution: step.value, unaskable }
}
