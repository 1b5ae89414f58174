// The generated parts of docs/reference/qsplit.md: what qsplit's own command line says of its commands, options and exit codes. The rest of
// the page is written by people and stays as it is.
import type { Command, Option } from 'commander';
import { commandLine } from '../cli/command-line.ts';
import { EVENTS } from '../cli/events.ts';
import { EXIT_CODES } from '../cli/exit-codes.ts';

/** The page with every block between `<!-- generated NAME -->` and `<!-- end -->` made anew. @throws Error for a block of another name. */
export function qsplitReference(page: string): string {
  const blocks = new Map<string, string>([
    ...describeCommands(),
    ['exit codes', table(['code', 'meaning'], EXIT_CODES)],
    [
      'events',
      table(
        ['event', 'meaning'],
        Object.entries(EVENTS).map(([name, text]) => [`\`${name}\``, text]),
      ),
    ],
  ]);
  return page.replaceAll(/(<!-- generated (.+?) -->\n)[\s\S]*?(<!-- end -->)/g, (_, begin, name: string, end) => {
    const block = blocks.get(name);
    if (block === undefined) throw new Error(`docs/reference/qsplit.md asks for ${name}, which is not generated`);
    return `${begin}${block}\n${end}`;
  });
}

function describeCommands(): [name: string, text: string][] {
  const nothing = async () => undefined;
  const silent = () => undefined;
  const program = commandLine({ exec: nothing, status: nothing, end: nothing }, { out: silent, err: silent });
  return program.commands.map((command) => [command.name(), describeCommand(command)]);
}

function describeCommand(command: Command): string {
  const options = command.options
    .filter(({ hidden }) => !hidden)
    .map((option) => [`\`${option.flags}\``, meaning(option)]);
  return `\`\`\`\nqsplit ${command.name()} ${command.usage()}\n\`\`\`\n\n${table(['option', 'meaning'], options)}`;
}

function meaning({ description, argChoices, defaultValue, defaultValueDescription }: Option): string {
  const notes = [
    ...(argChoices === undefined ? [] : [`one of ${argChoices.join(', ')}`]),
    ...(defaultValue === undefined ? [] : [`default: ${defaultValueDescription ?? defaultValue}`]),
  ];
  return `${description}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}
