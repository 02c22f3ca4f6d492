/** The checkpoint that a log signs of itself (C2SP tlog-checkpoint): the key's name is the origin. Pure. */
import type { Signer } from '../base/crypto/ed25519.ts'
import type { AcceptedCheckpoint, TreeHead } from './log.ts'
import { formatCheckpoint } from './note/checkpoint.ts'
import { formatNote, signNote } from './note/note.ts'

/** The signed note over `head`. The same head gives the same note. @throws usage.log, usage.network for an origin that cannot be a key's name */
export function signedCheckpoint(origin: string, { size, root }: TreeHead, signer: Signer): AcceptedCheckpoint {
  const text = formatCheckpoint({ origin, size, root, extensions: [] })
  const note = formatNote({ text, signatures: [signNote(text, origin, signer)] })
  return { origin, size, root, note: Buffer.from(note).toString('utf8'), cosignatures: [] }
}
