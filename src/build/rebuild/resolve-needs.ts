/** Drives a generator that asks for documents and blobs of the registry, as the read flow does for clients. */
import { AppError, throwIfAborted } from '../../base/errors.ts'
import type { Got, Need } from '../../base/located.ts'
import type { RecordedRegistry } from './parts.ts'

const NEEDS_MAX = 256

/** How it ends. @throws bug.assertion if it asks for more than 256; aborted.caller */
export async function resolveNeeds<T>(
  asking: Generator<Need, T, Got>,
  registry: Pick<RecordedRegistry, 'need'>,
  signal: AbortSignal,
): Promise<T> {
  let step = asking.next()
  for (let count = 0; !step.done; count++) {
    if (count === NEEDS_MAX) throw new AppError('bug.assertion', `an ecosystem asked more than ${NEEDS_MAX} times`)
    throwIfAborted(signal)
    step = asking.next(await registry.need(step.value, signal))
  }
  return step.value
}
