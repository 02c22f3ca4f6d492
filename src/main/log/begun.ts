/**
 * Stores that may be made once and never again under one key: a log or a cosigner's memory that is lost must not be begun anew, or
 * there would be two histories. A mark beside the key says that it was begun; it goes where the key goes.
 */
import { isSolo, type Network } from '../../base/network/network.ts'
import { originHash } from '../../log/reader/exchange.ts'
import { readConfigFile, writeWhole } from '../data-directory.ts'

/** The mark for the log of this network under the key at `keyPath`: a node that leaves its own network begins one more log. */
export function beginMark(keyPath: string, network: Pick<Network, 'origin'>): string {
  return isSolo(network) ? `${keyPath}.begun` : `${keyPath}.${originHash(network.origin).slice(0, 16)}.begun`
}

/** Whether a store was begun: its mark is there. @throws usage.config */
export async function wasBegun(markPath: string): Promise<boolean> {
  return (await readConfigFile(markPath)) !== undefined
}

/** Opens with leave to create if there is no mark yet, and leaves the mark. @throws what `open` throws, usage.config */
export async function openOnce<T>(markPath: string, open: (create: boolean) => Promise<T>): Promise<T> {
  const begun = await wasBegun(markPath)
  const opened = await open(!begun)
  // Only after that: whoever crashed in between may create again, which finds what is there.
  if (!begun)
    await writeWhole(markPath, 'A log was begun with this key: if it is lost, the key must not begin another.\n', 0o600)
  return opened
}
