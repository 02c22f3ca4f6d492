/** The commands on the trust network and the transparency log, for the tree of `program.ts`. */
import type { Command } from 'commander'
import { common, examples } from '../command.ts'
import type { CliContext } from '../context.ts'

/** Adds `network` and `keys`. */
export function addLog(program: Command, context: CliContext): void {
  addNetwork(program, context)
}

function addNetwork(program: Command, context: CliContext): void {
  const network = program.command('network').description('The trust network: whose word this node takes for what')
  const load = () => import('./network.ts')
  common(network.command('init').description('Make a network of this node alone; the first start does it too'))
    .option('--name <NAME>', 'Its name: lower-case letters, digits, dots and hyphens', 'solo')
    .addHelpText('after', examples('pyrsia network init', 'pyrsia network init --name build-server'))
    .action(async (options) => (await load()).networkInit(context, options))
  common(network.command('show').argument('[file]', "A network.json; default: the data directory's"))
    .description('Show a network: members with their keys, the quorum, and the digest that people compare')
    .addHelpText('after', examples('pyrsia network show', 'pyrsia network show network.json --json'))
    .action(async (file, options) => (await load()).networkShow(context, file, options))
  common(program.command('keys'))
    .description('Show the public halves of the keys of this node, where they lie, and what is lost with each')
    .addHelpText('after', examples('pyrsia keys', 'pyrsia keys --json'))
    .action(async (options) => (await load()).keys(context, options))
}
