/** How two contents differ where both are text. */
import { unifiedDiff } from '../../base/text/unified-diff.ts'

/** A unified diff; undefined stands for no file. The result is undefined unless both are UTF-8 without NUL. */
export function textDifference(path: string, a: Uint8Array | undefined, b: Uint8Array | undefined): string | undefined {
  const before = a === undefined ? undefined : asText(a)
  const after = b === undefined ? undefined : asText(b)
  if (before === null || after === null) return undefined
  return unifiedDiff(path, before, after, { secrets: 'shown' })
}

function asText(bytes: Uint8Array): string | null {
  if (bytes.includes(0)) return null
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}
