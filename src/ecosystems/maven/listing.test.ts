/** What mvn is made to run for a `pom.xml`; the real mvn does so in test/live. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ListingPlace } from '../ecosystem.ts'
import { pomListing } from './listing.ts'

const PLACE: ListingPlace = {
  path: '/p/pom.xml',
  text: '<project/>',
  url: 'http://127.0.0.1:1/maven2',
  directory: '/tmp/x',
  doneCount: 0,
  listed: [],
  output: '',
}

const jar = (group: string, artifact: string, version: string): string =>
  `${group}/${artifact}/${version}/${artifact}-${version}.jar`

test('mvn is pointed at the node and an empty repository, and runs no phase of the build', () => {
  for (const [doneCount, goal] of [
    [0, 'go-offline'],
    [1, 'resolve'],
  ] as const) {
    const run = pomListing.next({ ...PLACE, doneCount })
    assert.equal(run?.program, 'mvn')
    const [settings] = Object.entries(run.files)[0] ?? []
    assert.equal(settings, 'settings.xml')
    assert.match(
      run.files['settings.xml'] ?? '',
      /<mirrorOf>central<\/mirrorOf>\s*<url>http:\/\/127\.0\.0\.1:1\/maven2</,
    )
    assert.ok(run.args.includes('-Dmaven.repo.local=/tmp/x/listed'))
    const plain = run.args.filter((word, index) => !word.startsWith('-') && !/^-[sf]$/.test(run.args[index - 1] ?? ''))
    assert.deepEqual(
      plain.map((word) => word.replace(/:[\d.]+:/, ':V:')),
      [`org.apache.maven.plugins:maven-dependency-plugin:V:${goal}`],
    )
  }
  assert.equal(pomListing.next({ ...PLACE, doneCount: 2 }), undefined)
})

test('modules find empty files where they want each other, and nothing else may be missing', () => {
  const place = { ...PLACE, text: '<project><modules><module>a</module></modules></project>' }
  const tree = pomListing.next({ ...place, doneCount: 1 })
  assert.equal(tree?.output, 'tree.txt')
  assert.ok(tree.args.includes('-DoutputFile=/tmp/x/tree.txt'))
  const output = [
    'org.own:parent:pom:1',
    'org.own:a:jar:1',
    '+- org.other:a:jar:1:compile',
    'org.own:b:war:1',
    '+- org.own:a:jar:1:compile',
    '|  \\- commons-io:commons-io:jar:2.11.0:compile (version managed from 2.1)',
    '+- org.own:a:test-jar:tests:1:test',
    '\\- org.own:a:jar:2:compile (optional)',
    'a line that says something else',
    '',
  ].join('\r\n')
  const resolve = pomListing.next({ ...place, doneCount: 2, output })
  assert.deepEqual(Object.keys(resolve?.standIns ?? {}), ['org/own/a/1/a-1.jar', 'org/own/a/1/a-1-tests.jar'])
  for (const doneCount of [0, 1, 2]) {
    const { args = [] } = pomListing.next({ ...place, doneCount, output }) ?? {}
    assert.deepEqual(
      args.filter((arg) => arg.startsWith('--fail')),
      [],
    )
  }
  assert.equal(pomListing.next({ ...PLACE, doneCount: 1 })?.output, undefined, 'a single project needs no tree')
})

test('a list goes by the modules, the parent and the project settings of mvn too', () => {
  const beside = (text: string) =>
    pomListing.beside(`<project>${text}</project>`).filter((path) => !path.includes('.mvn/'))
  assert.deepEqual(beside('<modules><module> a </module><module>b/own.xml</module></modules>'), [
    'a/pom.xml',
    'b/own.xml',
  ])
  assert.deepEqual(beside('<parent><artifactId>p</artifactId></parent>'), ['../pom.xml'])
  assert.deepEqual(beside('<parent><relativePath>../../up</relativePath></parent>'), ['../../up/pom.xml'])
  assert.deepEqual(beside('<parent><relativePath/></parent>'), [])
  assert.ok(pomListing.beside('<project/>').includes('.mvn/extensions.xml'))
})

test('what Surefire resolves when it meets a test is asked for, each by itself', () => {
  const listed = [
    jar('org/apache/maven/surefire', 'maven-surefire-common', '3.2.5'),
    jar('org/apache/maven/surefire', 'maven-surefire-common', '2.12.4'),
    jar('org/junit/jupiter', 'junit-jupiter-api', '5.10.2'),
    jar('org/junit/platform', 'junit-platform-commons', '1.10.2'),
    jar('junit', 'junit', '4.13.2'),
  ]
  const run = pomListing.next({ ...PLACE, doneCount: 2, listed })
  const asked = Object.entries(run?.files ?? {})
    .filter(([name]) => name.startsWith('tests/extra'))
    .map(([, text]) =>
      /<dependency><groupId>.*<\/groupId><artifactId>(.*)<\/artifactId><version>(.*)<\/version><\/dep/
        .exec(text)
        ?.slice(1)
        .join(' '),
    )
  assert.deepEqual(asked.sort(), [
    'junit-jupiter-engine 5.10.2',
    'junit-platform-launcher 1.10.2',
    'surefire-junit-platform 3.2.5',
    'surefire-junit4 2.12.4',
    'surefire-junit4 3.2.5',
    'surefire-junit47 2.12.4',
    'surefire-junit47 3.2.5',
  ])
  assert.ok(run?.args.includes('/tmp/x/tests/pom.xml'))
  assert.equal(pomListing.next({ ...PLACE, doneCount: 3, listed }), undefined)
})
