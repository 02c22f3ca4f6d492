/** The ceremony of files by which a network is founded and joined: parts, merging, comparing, joining. No node need run. */
import { AppError } from '../../base/errors.ts'
import type { CliContext, CommonOptions } from '../context.ts'
import { json, plainText } from '../format.ts'
import type { JoinReport, PartReport } from './ceremony-door.ts'
import { networkText } from './network.ts'

/** Options of `network init --org`. */
export interface PartOptions extends CommonOptions {
  readonly org: string
  readonly name?: string
  readonly role?: readonly string[]
  readonly types?: string
  readonly bootstrap?: readonly string[]
  readonly output?: string
}

/** Options of `network merge`. */
export interface MergeOptions extends CommonOptions {
  readonly name?: string
  readonly beacon: string
  readonly beaconInfo?: string
  readonly rules?: string
  readonly days: string
  readonly output: string
}

const DEFAULT_ROLES = ['authority', 'builder']

/** Writes the part of this node in the founding of a network. @throws usage.config, usage.part, usage.network, damaged.identity */
export async function networkPart(context: CliContext, options: PartOptions): Promise<void> {
  if (options.name === undefined) {
    throw new AppError('usage.config', '--org: wanted --name too, the name on which the founders agreed')
  }
  if (options.output === undefined) throw new AppError('usage.config', '--org: wanted -o FILE too, for the part')
  const made = await context.ceremony.part({
    organisation: options.org,
    network: options.name,
    roles: options.role ?? DEFAULT_ROLES,
    types: options.types?.split(',').map((type) => type.trim()),
    bootstrap: options.bootstrap ?? [],
    output: options.output,
    data: options.data,
  })
  context.out(options.json ? json(made) : partText(made))
}

/** Founds a network out of parts. @throws usage.part, usage.network, usage.config, usage.key, absent.network */
export async function networkMerge(
  context: CliContext,
  parts: readonly string[],
  options: MergeOptions,
): Promise<void> {
  const { name, beacon, beaconInfo, rules, days, output } = options
  const made = await context.ceremony.merge({ parts, name, beacon, beaconInfo, rules, days: Number(days), output })
  if (options.json) {
    context.out(json(made))
    return
  }
  context.out(networkText(made, context.nowMs()))
  context.out(
    `\nGive the file to every founder. Each says pyrsia network show ${plainText(options.output)}, and all compare this digest\n` +
      `by a way that they trust (not by the one on which the file came): ${made.digest}\n`,
  )
}

/** Joins a network. @throws absent.network, usage.network, usage.key, usage.request without --yes, untrusted.expired, conflict.network */
export async function networkJoin(
  context: CliContext,
  file: string,
  options: CommonOptions & { readonly yes?: boolean },
): Promise<void> {
  const found = await context.ceremony.join({ file, yes: options.yes === true, data: options.data })
  context.out(options.json ? json(found) : joinText(found))
  if (found.joined) return
  throw new AppError('usage.request', 'nothing was changed: compare the digest with the other members, then say --yes')
}

/** A part for people. */
export function partText({ file, network, organisation, roles, types, peer }: PartReport): string {
  const lines = [
    `Part       ${file}`,
    `Network    ${network}`,
    `Member     ${organisation}: ${roles.join(', ')}`,
    ...(types.length === 0 ? [] : [`Builds     ${types.join(', ')}`]),
    `Node       ${peer ?? 'none'}`,
    'Hand it to whoever merges the parts, or to an authority of a network that runs. It holds public keys alone; the private ones',
    'stay in keys/ of the data directory.',
  ]
  return `${lines.map(plainText).join('\n')}\n`
}

function joinText({ file, network, digest, organisation, aside, running, joined }: JoinReport): string {
  const { k, of } = network.quorum
  const verb = joined ? 'believes' : 'would believe'
  const lines = [
    `Network    ${network.name} (log ${network.origin}), of ${network.organisations.length} organisations`,
    `Digest     ${digest}`,
    `Means      this node ${verb} what ${k} of ${of} authorities sign, and nothing that its own network said before`,
    `Part       ${organisation === undefined ? 'none: it is no member, follows the log and checks it' : `it is a node of ${organisation}`}`,
    `Valid      until ${new Date(network.expires * 1000).toISOString().slice(0, 10)}`,
    `File       ${file}`,
    ...(aside === undefined
      ? []
      : [`Before     ${joined ? 'kept' : 'to be kept'} as ${aside}; its log stays where it is`]),
    ...(running
      ? ['! A node runs here, or did not end well: it goes on in its old network until it is started anew']
      : []),
  ]
  return `${lines.map(plainText).join('\n')}\n`
}
