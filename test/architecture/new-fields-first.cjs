'use strict';
// `{ ...a, b }` where `a` has no `b` gets a hidden class of its own in V8 11 (Node 20), each time it is made: to make it takes forty times
// as long, and nothing that reads it later can be cached. `{ b, ...a }` has the same fields and one shape.

module.exports = {
  meta: {
    type: 'problem',
    messages: {
      last: 'An object that begins with a spread gets "{{name}}" besides, and so a hidden class of its own. Put the spread last, or name all fields.',
    },
    schema: [],
  },
  create(context) {
    const { esTreeNodeToTSNodeMap, program } = context.sourceCode.parserServices;
    const checker = program.getTypeChecker();
    const has = (type, name) =>
      type.isUnion()
        ? type.types.some((one) => has(one, name))
        : checker.getPropertyOfType(checker.getApparentType(type), name) !== undefined;
    const isOpen = (type) => checker.getIndexInfosOfType(type).length > 0;
    return {
      ObjectExpression({ properties }) {
        const [first, ...others] = properties;
        if (first?.type !== 'SpreadElement') return;
        const type = checker.getTypeAtLocation(esTreeNodeToTSNodeMap.get(first.argument));
        if (isOpen(type)) return; // a dictionary
        for (const { type: kind, computed, key } of others) {
          if (kind !== 'Property' || computed) continue;
          const name = key.type === 'Identifier' ? key.name : String(key.value);
          if (!has(type, name)) context.report({ node: key, messageId: 'last', data: { name } });
        }
      },
    };
  },
};
