/** Which sets of cosigners are strong enough: k of n, nested (C2SP tlog-policy, "Defining a witness group"). Pure. */
import type { Vkey } from '../../base/network/vkey.ts'

/** A rule over cosigners. `none` asks for nobody. Members of a group are different keys and groups, each in one place only. */
export type Quorum =
  | { readonly kind: 'none' }
  | { readonly kind: 'key'; readonly key: Vkey }
  | { readonly kind: 'group'; readonly k: number; readonly members: readonly Quorum[] }

/** True if the keys that signed satisfy the rule. `signed` holds the very objects that the rule names. */
export function satisfies(quorum: Quorum, signed: ReadonlySet<Vkey>): boolean {
  switch (quorum.kind) {
    case 'none':
      return true
    case 'key':
      return signed.has(quorum.key)
    case 'group': {
      let found = 0
      for (const member of quorum.members) if (satisfies(member, signed)) found += 1
      return found >= quorum.k
    }
  }
}

/** The keys that a rule names. */
export function keysOf(quorum: Quorum): Vkey[] {
  if (quorum.kind === 'key') return [quorum.key]
  return quorum.kind === 'group' ? quorum.members.flatMap(keysOf) : []
}
