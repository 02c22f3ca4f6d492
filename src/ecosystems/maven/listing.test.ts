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

test('modules that want each other do not fail the listing; a single project does', () => {
  const args = (text: string) => pomListing.next({ ...PLACE, text, doneCount: 1 })?.args ?? []
  assert.ok(args('<project><modules><module>a</module></modules></project>').includes('--fail-never'))
  assert.ok(!args('<project/>').includes('--fail-never'))
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
