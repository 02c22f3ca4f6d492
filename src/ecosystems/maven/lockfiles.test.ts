import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestBytes, hexOf } from '../../base/digest.ts'
import { mavenLockfiles } from './lockfiles.ts'

const hex = hexOf(digestBytes('sha256', Buffer.from('a jar')))

function read(name: string, text: string) {
  const reader = mavenLockfiles.find(({ fileName }) => fileName.test(name))
  assert.ok(reader !== undefined, name)
  return reader.read(Buffer.from(text))
}

test("a summary of Maven's trusted checksums is read with POMs, plugins and classifiers", () => {
  const text = `# made by mvn\n${hex}  org/example/lib/1.0/lib-1.0.jar\n${hex} *org/example/lib/1.0/lib-1.0.pom\n\n${hex}  org/example/lib/1.0/lib-1.0-linux-x86_64.tar.gz\n`
  const files = read('checksums-central.sha256', text)
  assert.deepEqual(
    files.map(({ purl, requestPath }) => [purl, requestPath]),
    [
      ['pkg:maven/org.example/lib@1.0', '/org/example/lib/1.0/lib-1.0.jar'],
      ['pkg:maven/org.example/lib@1.0?type=pom', '/org/example/lib/1.0/lib-1.0.pom'],
      [
        'pkg:maven/org.example/lib@1.0?classifier=linux-x86_64&type=tar.gz',
        '/org/example/lib/1.0/lib-1.0-linux-x86_64.tar.gz',
      ],
    ],
  )
  assert.deepEqual(files[0]?.digests, [`sha256:${hex}`])
})

test('a summary with a line that is no checksum, or leads elsewhere, is refused', () => {
  for (const line of [
    'nonsense',
    `${hex}`,
    `${hex}  ../../etc/passwd`,
    `${hex.slice(2)}  a/b/1/b-1.jar`,
    `${hex}  a/b/x.jar`,
  ]) {
    assert.throws(() => read('checksums.sha256', `${line}\n`), { code: 'usage.request' }, line)
  }
})

test('the output of dependency:list is read as files and POMs', () => {
  const text = `
The following files have been resolved:
   org.example:lib:jar:1.0:compile -- module org.example.lib (auto)
   org.example:native:so:linux-x86_64:2.0:runtime
   org.example:app:test-jar:tests:1.0:test

`
  assert.deepEqual(
    read('dependency-list.txt', text).map(({ requestPath }) => requestPath),
    [
      '/org/example/lib/1.0/lib-1.0.jar',
      '/org/example/lib/1.0/lib-1.0.pom',
      '/org/example/native/2.0/native-2.0-linux-x86_64.so',
      '/org/example/native/2.0/native-2.0.pom',
      '/org/example/app/1.0/app-1.0-tests.jar',
      '/org/example/app/1.0/app-1.0.pom',
    ],
  )
  assert.throws(() => read('dependency-list.txt', 'nothing here\n'), { code: 'usage.request' })
})

test('a listing of a local repository is read as what a build asks for, plugins and metadata included', () => {
  const text = `./org/example/lib/1.0/lib-1.0.jar
./org/example/lib/1.0/lib-1.0.jar.sha1
./org/example/lib/1.0/lib-1.0.pom
./org/example/lib/1.0/_remote.repositories
./org/example/lib/1.1/lib-1.1.pom.lastUpdated
./org/example/lib/maven-metadata-pyrsia.xml
./org/example/lib/maven-metadata-local.xml
./org/example/lib/resolver-status.properties
./org/example/lib/2.0-SNAPSHOT/lib-2.0-SNAPSHOT.jar
./org/example/lib/2.0-SNAPSHOT/lib-2.0-20260101.120000-1.jar
./org/apache/maven/plugins/maven-metadata-central.xml
`
  assert.deepEqual(
    read('maven-repository.list', text).map(({ purl, requestPath }) => [purl, requestPath]),
    [
      ['pkg:maven/org.example/lib@1.0', '/org/example/lib/1.0/lib-1.0.jar'],
      ['pkg:maven/org.example/lib@1.0?type=pom', '/org/example/lib/1.0/lib-1.0.pom'],
      ['pkg:maven/org.example/lib', '/org/example/lib/maven-metadata.xml'],
      ['pkg:maven/org.example/lib@2.0-SNAPSHOT', '/org/example/lib/2.0-SNAPSHOT/lib-2.0-20260101.120000-1.jar'],
      ['pkg:maven/org.apache.maven/plugins', '/org/apache/maven/plugins/maven-metadata.xml'],
    ],
  )
  for (const wrong of ['', './README\n', '../../etc/passwd\n']) {
    assert.throws(() => read('maven-repository.list', wrong), { code: 'usage.request' }, wrong)
  }
})
