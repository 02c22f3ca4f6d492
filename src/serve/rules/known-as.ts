/**
 * What bytes are known as: the released files that upstream stated a digest for, and those under which bytes were given out on
 * a lockfile's word. Lock data may name any digest, so a harmless name must not bring what is kept of a blocked one. In the
 * store's notebook, whose bounds it has; `check.ts` asks it where nobody but the client vouches for the digest.
 */
import type { Digest } from '../../base/digest.ts'
import type { Located, Reason } from '../../base/located.ts'
import { type Purl, purlParts } from '../../base/purl.ts'
import type { ServeParts } from '../parts.ts'
import type { Guard, KnownNames } from './rules.ts'

interface Name {
  readonly purl: Purl
  readonly upstream: string
  /** True: upstream stated the digest; false: a client did. */
  readonly stated: boolean
}

const KNOWN_AS = 'serve.known-as'
/** Names that are kept of one digest: the first ones, so that nobody can push out what counts. */
const NAMES_MAX = 16
/** Names that were just kept, so that a file that is asked for again costs no look-up. */
const RECENT_MAX = 4_096

/** The names over the store's notebook. */
export function createKnownNames({ store }: Pick<ServeParts, 'store'>, guard: Guard): KnownNames {
  const { notebook } = store
  const recent = new Set<string>()
  const namesOf = (digest: Digest) => (notebook.get(KNOWN_AS, digest) as readonly Name[] | undefined) ?? []

  function keep(digest: Digest, name: Name): void {
    const key = `${name.stated} ${digest} ${name.purl}`
    if (recent.has(key)) return
    const known = namesOf(digest)
    const same = known.find(({ purl }) => purl === name.purl)
    if (same === undefined ? known.length < NAMES_MAX : name.stated && !same.stated) {
      notebook.set(KNOWN_AS, digest, [...known.filter((other) => other !== same), name])
    }
    const [oldest] = recent
    if (recent.size >= RECENT_MAX && oldest !== undefined) recent.delete(oldest)
    recent.add(key)
  }

  return {
    noteStated({ purl, upstream, evidence }) {
      if (purl === undefined) return
      for (const { kind, digest } of evidence) {
        if (kind === 'index' || kind === 'header') keep(digest, { purl, upstream, stated: true })
      }
    },
    noteGiven({ purl, upstream, evidence }, id) {
      if (purl === undefined || isStated(evidence) || !evidence.some(({ kind }) => kind === 'client')) return
      // A second name that only a client gives proves nothing: it must not become a reason to refuse the first one.
      if (namesOf(id).length === 0) keep(id, { purl, upstream, stated: false })
    },
    async unnamed({ ecosystem, purl, label, digests, evidence }, signal): Promise<Reason | undefined> {
      if (purl === undefined || isStated(evidence)) return undefined
      const names = digests.flatMap((digest) => store.lookup(digest)?.names ?? [])
      const known = [...new Set([...digests, ...names])].flatMap(namesOf)
      let denied: { readonly name: Name; readonly reason: Reason } | undefined
      for (const name of known) {
        const answer = await guard.decide({ ecosystem, purl: name.purl, upstream: name.upstream }, signal)
        if (answer.kind === 'deny') denied ??= { name, reason: answer.reason }
        else if (name.stated && isSamePackage(name.purl, purl)) return undefined
      }
      if (denied === undefined) return undefined
      const message = `${label}: these bytes are known here as ${denied.name.purl}, and no index says that they are this file: ${denied.reason.message}`
      return { code: 'denied', message }
    },
  }
}

function isStated(evidence: Located['evidence']): boolean {
  return evidence.some(({ kind }) => kind === 'index' || kind === 'header')
}

function isSamePackage(one: Purl, other: Purl): boolean {
  const [a, b] = [purlParts(one), purlParts(other)]
  return a.type === b.type && a.namespace === b.namespace && a.name === b.name
}
