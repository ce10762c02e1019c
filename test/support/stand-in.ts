// A command of the test's own in place of `lm demo`, inside the built program: what main does with a command is then
// tested without waiting for a real one to be in the right state.

/**
 * NODE_OPTIONS that put `body`, the text of `run(stated, io)`, in the place of the demo, which the bundle keeps in a file of
 * its own because it is imported only when it is asked for.
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
