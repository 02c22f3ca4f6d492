import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClientCase, clientSuites, clientsBench, ENVIRONMENT } from '../../../../test/kit/clients-suite.ts'
import { memoryFiles } from '../../../../test/kit/memory-files.ts'
import { createClients } from '../../../clients/clients.ts'
import type { Ecosystem } from '../../ecosystem.ts'
import { mavenDefaultUrl } from '../default-upstream.ts'
import { mavenClients } from './clients.ts'

const MAVEN = { id: 'maven', clients: mavenClients } as const
const URL_HERE = 'http://127.0.0.1:7888/maven2'
const targets = { maven: { url: URL_HERE, defaultUpstream: true } }
const SETTINGS = '/home/me/.m2/settings.xml'

const OFFLINE = '<offline>false</offline>'
const later = (text: string): string => text.replace(/<\/settings>/, `${OFFLINE}</settings>`)
const settings = (lines: readonly string[]): string =>
  `<?xml version="1.0"?>\n<settings xmlns="http://maven.example.com/SETTINGS/1.0.0">\n${lines.map((line) => `${line}\n`).join('')}</settings>\n`
const mirrorsOf = (lines: readonly string[]): string =>
  `<settings>\n\t<mirrors>\n${lines.map((line) => `\t\t${line}\n`).join('')}\t</mirrors>\n</settings>\n`

const BROKEN = [
  '<settings>',
  '<settings></setting>',
  '<project></project>',
  'not xml at all',
  '<settings>&unknown;</settings>',
  '<!DOCTYPE settings [<!ENTITY a "b">]><settings/>',
  '<settings><mirrors><mirror><id>pyrsia</id><url>http://127.0.0.1:1/maven2</url></mirror></mirrors></settings>',
]

const CASES: (ClientCase & { readonly title: string })[] = [
  {
    title: 'settings of every kind',
    name: 'maven',
    path: SETTINGS,
    lines: [
      '  <!-- a comment with <mirrors> in it -->',
      '  <localRepository>/srv/m2 &amp; more</localRepository>',
      '  <servers><server><id>company</id><password>a &lt; b</password></server></servers>',
      '  <interactiveMode/>',
      '  <pluginGroups><![CDATA[ <mirror> ]]></pluginGroups>',
      '  <profiles>\n    <profile><id>x</id></profile>\n  </profiles>',
    ],
    frame: settings,
    laterEdit: later,
    survives: OFFLINE,
    broken: BROKEN,
  },
  {
    title: 'lists of mirrors',
    name: 'maven',
    path: SETTINGS,
    lines: [
      '<!-- ours -->',
      '<mirror><id>company</id><mirrorOf>*</mirrorOf><url>https://registry.example.com/all/</url></mirror>',
      '<mirror><id>second</id><mirrorOf>central</mirrorOf><url>https://registry.example.com/central</url></mirror>',
      '<mirror><id>blocked</id><mirrorOf>*</mirrorOf><url>http://0.0.0.0/</url><blocked>true</blocked></mirror>',
    ],
    frame: mirrorsOf,
    laterEdit: later,
    survives: OFFLINE,
    broken: [
      '<settings><mirrors><mirror><id>a</id><mirrorOf>*</mirrorOf><url>$' +
        '{env.URL}</url></mirror></mirrors></settings>',
    ],
  },
]
clientSuites(MAVEN, CASES, URL_HERE)

const ODD = [
  '',
  '\n',
  '<settings/>',
  '<settings />\n',
  '<settings></settings>',
  '<settings><mirrors/></settings>',
  '<settings>\n  <mirrors />\n</settings>\n',
  '<settings><mirrors></mirrors></settings>',
  '<settings><offline>true</offline></settings>',
  '\ufeff<settings>\r\n<mirrors>\r\n</mirrors>\r\n</settings>',
  `<settings><mirrors><mirror><id>pyrsia</id><mirrorOf>central</mirrorOf><url>${URL_HERE}</url></mirror></mirrors></settings>`,
]

for (const text of ODD) {
  test(`setup of ${JSON.stringify(text)} is what undo takes back, byte for byte, and by its parts`, async () => {
    const { files, clients } = clientsBench(MAVEN)
    files.put(SETTINGS, text)
    await clients.apply(await clients.plan(['maven'], targets))
    const pointed = files.text(SETTINGS) ?? ''
    assert.equal(pointed.split(URL_HERE).length, 2, pointed)
    assert.deepEqual((await clients.plan(['maven'], targets)).changes, [])
    await clients.apply(await clients.undo(['maven']))
    assert.equal(files.text(SETTINGS), text)
    const file = { path: SETTINGS, mode: 0o600, role: 'own' }
    const setup = mavenClients[0]
    const undone = setup?.undo(pointed, { url: URL_HERE, defaultUpstream: true, behind: [] }, file, text)
    if (text.includes('<')) assert.equal(undone, text)
  })
}

async function planned(text: string) {
  const { files, clients } = clientsBench(MAVEN)
  files.put(SETTINGS, text)
  const plan = await clients.plan(['maven'], targets)
  await clients.apply(plan)
  return { upstreams: plan.upstreams.map(({ name, url }) => ({ name, url })), text: files.text(SETTINGS) ?? '' }
}

test('setup of a user without settings writes just the mirror', async () => {
  const { files, clients } = clientsBench(MAVEN)
  await clients.apply(await clients.plan(['maven'], targets))
  assert.equal(
    files.text(SETTINGS),
    `<settings>
  <mirrors>
    <mirror>
      <id>pyrsia</id>
      <mirrorOf>central</mirrorOf>
      <url>${URL_HERE}</url>
    </mirror>
  </mirrors>
</settings>
`,
  )
})

test('a company mirror becomes the upstream, and what it covered goes through the node', async () => {
  const company = 'https://registry.example.com/all'
  const { upstreams, text } = await planned(
    mirrorsOf([`<mirror><id>company</id><mirrorOf>*,!private</mirrorOf><url>${company}/</url></mirror>`]),
  )
  assert.deepEqual(upstreams, [{ name: 'maven', url: company }])
  assert.match(text, /<id>pyrsia<\/id>\s*<mirrorOf>\*,!private<\/mirrorOf>/)
  assert.ok(text.indexOf('pyrsia') < text.indexOf('company'), 'the first of several mirrors counts')
})

test('a mirror that names the central repository counts before one that covers it by a pattern', async () => {
  const { upstreams } = await planned(
    mirrorsOf([
      '<mirror><id>a</id><mirrorOf>*</mirrorOf><url>https://registry.example.com/a</url></mirror>',
      '<mirror><id>b</id><mirrorOf>central</mirrorOf><url>https://registry.example.com/b</url></mirror>',
    ]),
  )
  assert.deepEqual(upstreams, [{ name: 'maven', url: 'https://registry.example.com/b' }])
})

test('a profile that says where the central repository is names the upstreams', async () => {
  const repository = (url: string) => `<repository><id>central</id><url>${url}</url></repository>`
  const { upstreams } = await planned(
    `<settings><profiles><profile><repositories>${repository('https://registry.example.com/libs')}
<repository><id>other</id><url>https://registry.example.com/other</url></repository></repositories>
<pluginRepositories>${repository('https://registry.example.com/plugins')}</pluginRepositories></profile></profiles></settings>`,
  )
  assert.deepEqual(upstreams, [
    { name: 'maven', url: 'https://registry.example.com/libs' },
    { name: 'maven-2', url: 'https://registry.example.com/plugins' },
  ])
})

test('mirrors that lead to the default repository, or do not cover it, are no upstream', async () => {
  for (const [mirrorOf, url] of [
    ['central', `${mavenDefaultUrl()}/`],
    ['*,!central', 'https://registry.example.com/rest'],
    ['external:http:*', 'https://registry.example.com/http'],
  ]) {
    const line = `<mirror><id>x</id><mirrorOf>${mirrorOf}</mirrorOf><url>${url}</url></mirror>`
    assert.deepEqual((await planned(mirrorsOf([line]))).upstreams, [], mirrorOf)
  }
})

test('the settings of the machine are read for a mirror and not touched', async () => {
  const { files, clients } = clientsBench(MAVEN)
  const line = '<mirror><id>x</id><mirrorOf>*</mirrorOf><url>https://registry.example.com/all</url></mirror>'
  files.put('/etc/maven/settings.xml', mirrorsOf([line]))
  const plan = await clients.plan(['maven'], targets)
  assert.deepEqual(
    plan.upstreams.map(({ url }) => url),
    ['https://registry.example.com/all'],
  )
  assert.deepEqual(
    plan.changes.map(({ path }) => path),
    [SETTINGS],
  )
  await clients.apply(plan)
  await clients.apply(await clients.undo(['maven']))
  assert.deepEqual(files.paths(), ['/etc/maven/settings.xml'])
})

test('a project is pointed here by its own arguments, and the mirror of its user becomes the upstream', async () => {
  const files = memoryFiles()
  const environment = { ...ENVIRONMENT, project: '/work/app' }
  const clients = createClients({ ecosystems: [MAVEN as Ecosystem], stateDirectory: '/state', environment }, { files })
  const line = '<mirror><id>x</id><mirrorOf>*</mirrorOf><url>https://registry.example.com/all</url></mirror>'
  files.put(SETTINGS, mirrorsOf([line]))
  files.put('/work/app/.mvn/maven.config', '-T1C\n--no-snapshot-updates')
  const plan = await clients.plan(['maven'], targets)
  assert.deepEqual(
    plan.upstreams.map(({ url }) => url),
    ['https://registry.example.com/all'],
  )
  await clients.apply(plan)
  assert.equal(
    files.text('/work/app/.mvn/maven.config'),
    '-T1C\n--no-snapshot-updates\n--global-settings=/work/app/.mvn/pyrsia-settings.xml\n',
  )
  assert.ok(files.text('/work/app/.mvn/pyrsia-settings.xml')?.includes(URL_HERE))
  assert.deepEqual((await clients.plan(['maven'], targets)).changes, [])
  files.put('/work/app/.mvn/maven.config', `-X\n${files.text('/work/app/.mvn/maven.config')}`)
  await clients.apply(await clients.undo(['maven']))
  assert.deepEqual(files.paths().sort(), [SETTINGS, '/work/app/.mvn/maven.config'].sort())
  assert.equal(files.text('/work/app/.mvn/maven.config'), '-X\n-T1C\n--no-snapshot-updates\n')
  const spaced = createClients(
    {
      ecosystems: [MAVEN as Ecosystem],
      stateDirectory: '/state',
      environment: { ...environment, project: '/my work' },
    },
    { files },
  )
  await assert.rejects(spaced.plan(['maven'], targets), { code: 'usage.config' })
})
