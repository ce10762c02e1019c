// Replaces `lm demo` in the built program by a command of the test, so that main can be tested without bringing a real command into the
// right state.

/**
 * NODE_OPTIONS that replace the demo by `body`, the text of `run(stated, io)`. The bundle keeps the demo in a file of its own, because it
 * is imported only when needed.
 */
export function standIn(body: string): { NODE_OPTIONS: string } {
  const module = dataUrl(`export async function run(stated, io) { ${body} }`);
  const hooks = dataUrl(
    `export const resolve = (specifier, context, next) => /^\\.\\/demo-\\w+\\.js$/.test(specifier)
       ? { url: ${JSON.stringify(module)}, shortCircuit: true } : next(specifier, context);`,
  );
  const register = dataUrl(`import * as module from 'node:module'; import * as hooks from ${JSON.stringify(hooks)};
    module.registerHooks ? module.registerHooks(hooks) : module.register(${JSON.stringify(hooks)});`); // Node 26 warns of register
  return { NODE_OPTIONS: `--import ${register}` };
}

const dataUrl = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`;
