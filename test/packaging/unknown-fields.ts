// What Kubernetes' types say to a manifest: the schemas let unknown fields pass, as the API server may, and a misspelt probe is none.
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** Where the text of a manifest is seen by the compiler; nothing is written there. */
const PLACE = fileURLToPath(new URL('./manifest.checked.ts', import.meta.url));
const OPTIONS: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.NodeNext,
  types: [],
};

/** Messages of the compiler about `trees`, each to be of the type that its apiVersion and kind name. */
export function typeProblems(trees: readonly { apiVersion: string; kind: string }[]): string[] {
  const lines = trees.map((tree, at) => {
    const from = `kubernetes-models/${tree.apiVersion}/${tree.kind}`;
    return `import type { I${tree.kind} as T${at} } from '${from}';\n(${JSON.stringify(tree)}) satisfies T${at};\n`;
  });
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === PLACE || fileExists(name);
  host.getSourceFile = (name, ...more) =>
    name === PLACE ? ts.createSourceFile(name, lines.join(''), ts.ScriptTarget.ESNext) : getSourceFile(name, ...more);
  const program = ts.createProgram([PLACE], OPTIONS, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
