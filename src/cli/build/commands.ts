/** The commands that ask the trust network for builds and doubt what it said, for the tree of `program.ts`. */
import type { Command } from 'commander'
import { common, examples, severalTimes } from '../command.ts'
import type { CliContext } from '../context.ts'

/** Adds `build`, `dispute` and `revoke`. */
export function addBuild(program: Command, context: CliContext): void {
  const load = () => import('./build.ts')
  const [example = 'pkg:generic/left-pad@1.3.0'] = context.examplePurls
  const [, type = '', name = ''] = /^pkg:([^/]+)\/(.*)$/.exec(example) ?? []
  const build = common(
    program
      .command('build')
      .argument('[ecosystem]', 'Purl type of the package')
      .argument('[coordinates]', 'As its users write them, with a version, or a package URL'),
  )
    .description('Ask the trust network to build a package from source and agree on what comes out')
    .option('--package <COORDINATES>', 'The package, in the place of the second argument')
    .option('--image <NAME:TAG>', 'The image, likewise')
    .option('--watch', 'Show how it goes until the verdict; the exit code is 8 if it is none that says equal')
    .option(
      '--from <LOCKFILE>',
      'Everything that a lockfile names and of which the log says nothing, with a report on each',
    )
    .addHelpText(
      'after',
      examples(
        `pyrsia build ${type} ${name}`,
        `pyrsia build ${type} ${name} --watch`,
        'pyrsia build --from package-lock.json --watch',
      ),
    )
  build.action(async (ecosystem, argument, options) => {
    if (options.from !== undefined && ecosystem === undefined) {
      await (await import('./batch.ts')).buildFrom(context, options.from, options)
      return
    }
    const coordinates = argument ?? options.package ?? options.image
    if (ecosystem === undefined || coordinates === undefined) build.help({ error: true })
    await (await load()).build(context, { ecosystem, coordinates }, options)
  })
  common(build.command('status').description('Show how far what was asked for here is'))
    .option('--id <ID>', 'The id that pyrsia build printed; without it, all that was asked for is listed')
    .addHelpText('after', examples('pyrsia build status', 'pyrsia build status --id 1f0c9a7e53b2d846'))
    .action(async (_options, command: Command) => (await load()).buildStatus(context, command.optsWithGlobals()))
  common(
    build
      .command('recipes')
      .description('The recipes of this Pyrsia with their digests, which the rules of a network may list'),
  )
    .option('--mappings <DIR>', 'A folder in the place of the mappings that come with Pyrsia')
    .addHelpText('after', examples('pyrsia build recipes', 'pyrsia build recipes --json'))
    .action(async (_options, command: Command) => (await load()).recipes(context, command.optsWithGlobals()))
  common(program.command('dispute').argument('<purl>', 'Package URL with a version'))
    .description('Doubt the newest verdict on a package: other builders are drawn for it (members only)')
    .requiredOption('--reason <TEXT>', 'Why, for whoever reads the log')
    .addHelpText('after', examples(`pyrsia dispute ${example} --reason "other bytes here"`))
    .action(async (purl, options) => (await load()).dispute(context, purl, options))
  common(program.command('revoke').argument('<purl>', 'Package URL with a version'))
    .description('Vote for withdrawing a package, in effect with the votes of f + 1 organisations (authorities only)')
    .requiredOption('--reason <TEXT>', 'Why, for whoever is refused it')
    .addOption(
      severalTimes('--digest <DIGEST>', 'A file of it, e.g. sha256:…; without any, the package whatever its bytes'),
    )
    .addHelpText('after', examples(`pyrsia revoke ${example} --reason "steals keys"`))
    .action(async (purl, options) => (await load()).revoke(context, purl, options))
}
