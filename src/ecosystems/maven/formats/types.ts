/** Types of dependencies whose files have another extension, or a classifier of their own (Maven's "Default Artifact Handlers"). Pure. */

const EXTENSIONS: Readonly<Record<string, string>> = {
  'test-jar': 'jar',
  'maven-plugin': 'jar',
  ejb: 'jar',
  'ejb-client': 'jar',
  'java-source': 'jar',
  javadoc: 'jar',
  bundle: 'jar',
}
const CLASSIFIERS: Readonly<Record<string, string>> = {
  'test-jar': 'tests',
  'ejb-client': 'client',
  'java-source': 'sources',
  javadoc: 'javadoc',
}

/** What the file of a dependency of this type is called by; an unknown type is its own extension, as in Maven. */
export function kindOfType(
  type: string,
  classifier: string | undefined,
): { readonly extension: string; readonly classifier: string | undefined } {
  return { extension: EXTENSIONS[type] ?? type, classifier: classifier ?? CLASSIFIERS[type] }
}
