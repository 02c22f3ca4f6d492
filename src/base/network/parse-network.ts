/** Reads a `network.json`: the only way in which the text of somebody else becomes a `Network`. Pure. */
import { AppError } from '../errors.ts'
import { NETWORK_FORMAT, type Network } from './network.ts'
import { checkNetwork } from './rules.ts'
import { networkSchema } from './schema.ts'

/** Most bytes of the file. */
export const NETWORK_BYTES_MAX = 1_000_000

/**
 * Reads a `network.json`: strict, bounded, and consistent in itself (`rules.ts`). Whether it has expired is asked when it is used.
 * @throws usage.network with what was wanted and what was found
 */
export function parseNetwork(text: string): Network {
  if (Buffer.byteLength(text) > NETWORK_BYTES_MAX) {
    throw new AppError('usage.network', `wanted a network of at most ${NETWORK_BYTES_MAX} bytes, found more`)
  }
  const value = unambiguousJson(text)
  const format = (value as { readonly format?: unknown } | null)?.format
  if (format !== NETWORK_FORMAT) {
    const found = format === undefined ? 'none' : JSON.stringify(format).slice(0, 100)
    throw new AppError('usage.network', `wanted a network of the format ${NETWORK_FORMAT}, found ${found}`)
  }
  const read = networkSchema.safeParse(value)
  if (!read.success) {
    const [issue] = read.error.issues
    const at = issue === undefined || issue.path.length === 0 ? 'the network' : issue.path.join('.')
    throw new AppError('usage.network', `${at}: ${issue?.message ?? 'is not as wanted'}`)
  }
  checkNetwork(read.data)
  return read.data
}

/** JSON in which no name occurs twice: two readers that choose differently would trust different networks. */
function unambiguousJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new AppError('usage.network', 'wanted a network as JSON', { cause })
  }
  const packed = text.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, (_all, string: string | undefined) => string ?? '')
  if (packed !== JSON.stringify(value)) {
    throw new AppError('usage.network', 'wanted JSON without doubled names and needless escapes, found some')
  }
  return value
}
