// Lets as-pect 8.1 compare classes field by field: its own transform looks for the numbers that kinds of nodes had in
// AssemblyScript 0.27. Here each class is shown to it with those numbers. Without this, unequal objects pass as equal
// (tests/assembly/equality.spec.ts).

import { createAddReflectedValueKeyValuePairsMember } from "@as-pect/transform/lib/createAddReflectedValueKeyValuePairsMember.js";
import { createStrictEqualsMember } from "@as-pect/transform/lib/createStrictEqualsMember.js";
import { NodeKind } from "assemblyscript";
import { Transform } from "assemblyscript/transform";

const KINDS_OF_0_27 = { [NodeKind.FieldDeclaration]: 54, [NodeKind.MethodDeclaration]: 58 };

/** The class with members of the old kinds; the class itself is not touched. */
function asBefore(declaration) {
  const members = declaration.members.map((member) =>
    Object.create(member, { kind: { value: KINDS_OF_0_27[member.kind] ?? -1 } }),
  );
  return Object.create(declaration, { members: { value: members } });
}

function visit(statements) {
  for (const statement of statements) {
    if (statement.kind === NodeKind.NamespaceDeclaration) visit(statement.members);
    if (statement.kind !== NodeKind.ClassDeclaration) continue;
    const before = asBefore(statement);
    statement.members.push(createStrictEqualsMember(before), createAddReflectedValueKeyValuePairsMember(before));
  }
}

export default class ClassComparison extends Transform {
  afterParse(parser) {
    for (const source of parser.sources) visit(source.statements);
  }
}
