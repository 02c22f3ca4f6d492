/**
 * `pyrsia doctor`: examines node, machine and clients, in this order, and says what is wrong and what to do about it. Changes
 * nothing. Works without a node. What is particular to a client is its ecosystem's business (`ClientDoctor`).
 */
import { AppError } from '../../base/errors.ts'
import type { ClientEnvironment, Ecosystem } from '../../ecosystems/ecosystem.ts'
import { createClients } from '../clients.ts'
import type { ClientFiles } from '../files.ts'
import { createRecords } from '../record.ts'
import { type ClientParts, checkClient } from './check-client.ts'
import { checkMachine } from './check-machine.ts'
import { checkNode } from './check-node.ts'
import type { DoctorReport, Finding, Severity } from './finding.ts'
import type { NodeFacts } from './node-facts.ts'
import type { Senses } from './senses.ts'

const ORDER: readonly Severity[] = ['error', 'warning', 'note']

/** Whom to examine, and where. */
export interface Examination {
  readonly ecosystems: readonly Ecosystem[]
  /** Where `setup` keeps its records. */
  readonly stateDirectory: string
  readonly environment: ClientEnvironment & { readonly project: string }
  /** Names of clients; none: all. */
  readonly clients: readonly string[]
  readonly node: NodeFacts
}

/** The report. @throws usage.request for a client that is not known, damaged.database for a record that cannot be read */
export async function examine(
  options: Examination,
  dependencies: { readonly files: ClientFiles; readonly senses: Senses },
): Promise<DoctorReport> {
  const { ecosystems, environment, node } = options
  const { files, senses } = dependencies
  const wanted = new Set(options.clients)
  const clients = createClients(
    { ecosystems, stateDirectory: options.stateDirectory, environment: { ...environment, project: undefined } },
    { files },
  )
  for (const name of wanted) {
    if (clients.names.includes(name)) continue
    throw new AppError('usage.request', `wanted one of ${clients.names.join(', ')}, found ${name.slice(0, 100)}`)
  }
  const installed = new Map((await clients.find()).map((found) => [found.name, found.installed]))
  const records = await createRecords(options.stateDirectory, files).all()
  const parts: ClientParts = { node, environment, files, senses, records }
  const checked = [await checkNode(node, senses), await checkMachine(node, environment, senses)]
  for (const { id, clients: setups } of ecosystems) {
    for (const setup of setups) {
      if (wanted.size > 0 && !wanted.has(setup.name)) continue
      const one = { client: { ecosystem: id, setup }, installed: installed.get(setup.name) === true }
      checked.push(await checkClient({ ...one, named: wanted.has(setup.name) }, parts))
    }
  }
  const findings = withBypasses(
    checked.flatMap((each) => each.findings),
    options,
    new Set(records.flatMap((record) => record.clients.map(({ name }) => name))),
  )
  return {
    healthy: findings.every(({ severity }) => severity === 'note'),
    findings: findings.toSorted((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity)),
    well: checked.flatMap((each) => each.well),
  }
}

/** A node that is down stops the clients that were pointed at it: how to work meanwhile is said with that. */
function withBypasses(
  findings: readonly Finding[],
  { ecosystems }: Examination,
  pointed: ReadonlySet<string>,
): Finding[] {
  const ways = ecosystems
    .flatMap(({ clients }) => clients)
    .flatMap(({ name, doctor }) => (pointed.has(name) && doctor !== undefined ? [doctor.bypass] : []))
  return findings.map((finding) => {
    if (finding.check !== 'node.down' || ways.length === 0) return finding
    return { ...finding, bypass: [...new Set(ways)].join('; ') }
  })
}
