// What bundlers have to be told, and esbuild leaves out when it makes a file small: which constants may go when nobody uses
// them, and which import is the host's affair. Marks stand for the comments until the text is final.

import { readFileSync } from "node:fs";
import ts from "typescript";

const MARK = "OCTAVO_PURE";
const PURE = "/*@__PURE__*/";
const IGNORE = "/* webpackIgnore: true */ /* @vite-ignore */";

/** What bundlers take for work that somebody may want done. */
const WORK = [
  ts.SyntaxKind.CallExpression,
  ts.SyntaxKind.NewExpression,
  ts.SyntaxKind.SpreadElement,
  ts.SyntaxKind.SpreadAssignment,
  ts.SyntaxKind.PropertyAccessExpression,
  ts.SyntaxKind.ElementAccessExpression,
];

/** Whether computing an expression calls something: functions that it only makes do not count. */
function works(node) {
  if (ts.isFunctionLike(node) || ts.isTypeNode(node)) return false;
  return WORK.includes(node.kind) || Boolean(ts.forEachChild(node, (child) => works(child) || undefined));
}

/** A piece of a module's text, and what takes its place. */
const edit = (node, write, text) => ({
  from: node.getStart(),
  end: node.end,
  text: write(text.slice(node.getStart(), node.end)),
});

const marked = (value) => `/* @__PURE__ */ ${MARK}(() => (${value}))`;

/** A class whose members have names that are computed is a constant, too. */
function editsOf(statement, text) {
  if (ts.isVariableStatement(statement)) {
    const made = statement.declarationList.declarations.map(({ initializer }) => initializer);
    return made.filter((each) => each && works(each)).map((each) => edit(each, marked, text));
  }
  if (!ts.isClassDeclaration(statement)) return [];
  if (!statement.members.some(({ name }) => name && ts.isComputedPropertyName(name))) return [];
  return [
    edit(
      statement,
      (all) =>
        all.replace(/^export (class .*)$/s, (_, value) => `export const ${statement.name.text} = ${marked(value)};`),
      text,
    ),
  ];
}

const parse = (text, path) => ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);

/** A text with its pieces edited, in their order. */
function edited(text, edits) {
  return edits.reduceRight((done, { from, end, text }) => done.slice(0, from) + text + done.slice(end), text);
}

/** The text of a module with all marked that takes work to make. */
function mark(text, path) {
  const { statements } = parse(text, path);
  return edited(
    text,
    statements.flatMap((each) => editsOf(each, text)),
  );
}

/** The marked functions below a node called at once, under a comment that says so: engines read such functions one time only. */
function callsOf(node, text) {
  if (ts.isCallExpression(node) && node.expression.getText() === MARK) {
    const [make] = node.arguments;
    return [edit(node, () => `${PURE}(${make.getText()})()`, text)];
  }
  const calls = [];
  ts.forEachChild(node, (child) => void calls.push(...callsOf(child, text)));
  return calls;
}

/** Marks the constants of src/ while esbuild reads it. */
export const marks = {
  name: "marks",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => ({
      contents: mark(readFileSync(path, "utf8"), path),
      loader: "ts",
    }));
  },
};

/** The final text: comments in the place of marks, and in the one import that the host resolves. */
export function hint(text) {
  const parts = text.split(/\bimport\((?=\w+\))/);
  if (parts.length !== 2) throw new Error(`expected one import of a name that is computed, got ${parts.length - 1}`);
  const hinted = parts.join(`import(${IGNORE} `);
  return edited(hinted, callsOf(parse(hinted, "octavo.js"), hinted));
}
