/**
 * Has a witness cosign the own log's newest checkpoint (C2SP tlog-witness, the log's side). The witness is believed in nothing: a
 * signature counts if it verifies, a size that it states is proven from. How it is reached, `http-witness.ts` knows; when it is asked,
 * `keep/keep-fresh.ts`. It may be in another network, another program, or down.
 */
import { AppError } from '../../base/errors.ts'
import type { Vkey } from '../../base/network/vkey.ts'
import type { AcceptedCheckpoint, LogStore } from '../log.ts'
import { formatNote, type Note, openNote, parseNote, verifyNoteSignature } from '../note/note.ts'
import type { NoteSignature } from '../note/signature-line.ts'
import type { Turns } from '../turns.ts'
import { formatAddCheckpoint } from './request.ts'

/** A witness: where its `add-checkpoint` is, and the key of type `cosignature` that it signs with. */
export interface AskedWitness {
  readonly url: string
  readonly key: Vkey
}

/** What a witness answered. */
export interface WitnessAnswer {
  readonly status: number
  readonly body: Uint8Array
}

/** Sends a body to `add-checkpoint` of one witness. @throws unavailable.peer, exhausted.size, aborted.caller */
export type PostToWitness = (body: Uint8Array, signal: AbortSignal) => Promise<WitnessAnswer>

/** What asking needs. */
export interface AskWitnessDependencies {
  readonly log: Pick<LogStore, 'newest' | 'consistency' | 'publish'>
  readonly post: PostToWitness
  /** Of all who add signatures to the newest checkpoint, so that nobody's is lost. */
  readonly turns: Turns
}

/** A witness that can be asked, again and again. */
export interface WitnessAsker {
  /**
   * Publishes the newest checkpoint with this witness's signature; nothing happens if the log is empty, or grew meanwhile.
   * @throws untrusted.signature; untrusted.proof if the witness has cosigned more than this log has; usage.log for an answer that is
   * none; unavailable.peer if it refuses; errors of `post` and of the log
   */
  ask(signal: AbortSignal): Promise<void>
}

/** The witness may have been asked by others, or in vain: so often is one checkpoint sent. */
const ATTEMPTS_MAX = 3

/** Asks the witness that signs with `key`. */
export function createWitnessAsker(key: Vkey, dependencies: AskWitnessDependencies): WitnessAsker {
  const { log, post, turns } = dependencies
  /** The size that the witness last cosigned, as far as is known. */
  let known = 0

  async function submit(newest: AcceptedCheckpoint, note: Note, signal: AbortSignal): Promise<NoteSignature> {
    const { origin, size } = newest
    // The log's own signatures are what it checks; those of others would only make the request longer.
    const signed = formatNote({ text: note.text, signatures: note.signatures.filter(({ name }) => name === origin) })
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      if (known > size) {
        const found = `it has cosigned one of ${known}: was an old copy of this log restored?`
        throw new AppError('untrusted.proof', `asking ${key.name} to cosign the checkpoint at ${size}: ${found}`)
      }
      const proof = known === 0 || known === size ? [] : await log.consistency(known, size)
      const answer = await post(formatAddCheckpoint(known, proof, signed), signal)
      if (answer.status === 200) {
        known = size
        return signatureIn(answer.body, note.text, key)
      }
      const text = Buffer.from(answer.body).toString('latin1')
      if (answer.status !== 409) throw refused(key, answer.status, text)
      const stated = /^(0|[1-9][0-9]{0,15})\n$/.exec(text)?.[1]
      if (stated === undefined || !Number.isSafeInteger(Number(stated))) throw refused(key, 409, text)
      known = Number(stated)
    }
    throw refused(key, 409, 'it never has the size that it states')
  }

  return {
    async ask(signal) {
      const newest = log.newest()
      if (newest === undefined || newest.size === 0) return
      const note = parseNote(Buffer.from(newest.note))
      const line = await submit(newest, note, signal)
      await turns.take(async () => {
        const now = log.newest()
        if (now === undefined || parseNote(Buffer.from(now.note)).text !== note.text) return
        await log.publish(withSignature(now, key, line))
      })
    },
  }
}

/** The one line of `key` that verifies. Whatever else the witness sent is left out. @throws untrusted.signature, usage.log */
function signatureIn(body: Uint8Array, text: string, key: Vkey): NoteSignature {
  const note = parseNote(Buffer.concat([Buffer.from(`${text}\n`), body]))
  const [good] = openNote(note, [key])
  const line = note.signatures.find(
    ({ name, signature }) =>
      name === key.name && verifyNoteSignature(text, key, signature)?.timestampSeconds === good?.timestampSeconds,
  )
  if (line !== undefined && good?.timestampSeconds !== undefined) return line
  throw new AppError('untrusted.signature', `${key.name} did not say when it cosigned`)
}

function withSignature(checkpoint: AcceptedCheckpoint, key: Vkey, line: NoteSignature): AcceptedCheckpoint {
  const { text, signatures } = parseNote(Buffer.from(checkpoint.note))
  const others = signatures.filter(({ name, keyId }) => name !== key.name || Buffer.compare(keyId, key.keyId) !== 0)
  const bytes = formatNote({ text, signatures: [...others, line] })
  const timeSeconds = verifyNoteSignature(text, key, line.signature)?.timestampSeconds ?? 0
  return {
    ...checkpoint,
    note: Buffer.from(bytes).toString('utf8'),
    cosignatures: [...checkpoint.cosignatures.filter(({ name }) => name !== key.name), { name: key.name, timeSeconds }],
  }
}

function refused(key: Vkey, status: number, text: string): AppError {
  const said = text.slice(0, 200).trim()
  return new AppError('unavailable.peer', `asking ${key.name} to cosign: it answered ${status}${said && `: ${said}`}`)
}
