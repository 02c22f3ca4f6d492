/** `pyrsia members`, `authorize`, `deauthorize` and `network offer`: who belongs to the network, and who shall. */
import type { CliContext, CommonOptions } from '../context.ts'
import { json, plainText } from '../format.ts'
import { partText } from './ceremony.ts'
import type { MembersReport, VoteReport } from './members-view.ts'

/** Options of `network offer`. */
export interface OfferOptions extends CommonOptions {
  readonly org: string
  readonly role?: readonly string[]
  readonly types?: string
  readonly output: string
}

/** Writes the offer of this node to the network that it has joined. @throws absent.network, usage.config, usage.part, damaged.identity */
export async function networkOffer(context: CliContext, options: OfferOptions): Promise<void> {
  const made = await context.ceremony.part({
    organisation: options.org,
    network: undefined,
    roles: options.role ?? ['builder'],
    types: options.types?.split(',').map((type) => type.trim()),
    bootstrap: [],
    output: options.output,
    data: options.data,
  })
  context.out(options.json ? json(made) : partText(made))
}

/** Shows the members by the log. @throws unavailable.node, absent.entry, absent.network, untrusted.entry */
export async function members(context: CliContext, options: CommonOptions): Promise<void> {
  const found = await context.members.show(options.data)
  context.out(options.json ? json(found) : membersText(found))
}

/** Votes for letting a node in. @throws unavailable.node, unavailable.peer, usage.part, usage.config, absent.entry, denied.network */
export async function authorize(
  context: CliContext,
  options: CommonOptions & { readonly offer?: string; readonly peer?: string },
): Promise<void> {
  const { offer, peer, data } = options
  const done = await context.members.vote({ action: 'admit', offer, peer, data })
  context.out(options.json ? json(done) : voteText(done))
}

/** Votes for taking an organisation or a node out. @throws unavailable.node, unavailable.peer, absent.entry, denied.network */
export async function deauthorize(
  context: CliContext,
  options: CommonOptions & { readonly org: string; readonly node?: string },
): Promise<void> {
  const { org: organisation, node, data } = options
  const done = await context.members.vote({ action: 'remove', organisation, node, data })
  context.out(options.json ? json(done) : voteText(done))
}

function membersText({ network, size, quorum, organisations, pending }: MembersReport): string {
  const lines = [
    `Network    ${network}, by ${size} entries of its log`,
    `Changes    need ${quorum.k} of ${quorum.of} authorities`,
    ...organisations.flatMap(({ organisation, sinceSize, nodes }) => [
      `${organisation}: a member for trees of ${sinceSize} entries and more`,
      ...nodes.map(({ node, peer, roles, types, sinceSize: since }) => {
        const builds = types.length === 0 ? '' : `; builds ${types.join(', ')}`
        return `  ${node}${peer === undefined ? '' : `, peer ${peer}`}: ${roles.join(', ')}${builds}; since ${since}`
      }),
    ]),
    ...(pending.length === 0 ? [] : ['Voted on']),
    ...pending.map(({ id, action, organisation, peer, node, votes, decided }) => {
      const whom = [organisation, peer ?? node].filter((word) => word !== undefined).join(', ')
      const state = decided ? 'decided, in force some blocks later' : `${votes.length} of ${quorum.k}`
      return `  ${action} ${whom}: ${state}; by ${votes.join(', ')} (${id.slice(0, 16)})`
    }),
  ]
  return `${lines.map(plainText).join('\n')}\n`
}

function voteText({ action, organisation, change, proposed, votes, quorum }: VoteReport): string {
  const what = action === 'admit' ? 'letting in a node of' : 'taking out'
  const left = quorum.k - votes.length
  const next = left <= 0 ? 'That decides it: in force some blocks later.' : `${left} more must vote for it.`
  const lines = [
    `${proposed ? 'Proposed' : 'Voted for'} ${what} ${organisation}: ${votes.length} of ${quorum.k} votes, of ${quorum.of} authorities. ${next}`,
    `Change     ${change}`,
  ]
  return `${lines.map(plainText).join('\n')}\n`
}
