import { colors } from '../terminal.ts';

/** Tells the story line by line, and remembers whether everything in it held. */
export class Narrator {
  #chapters = 0;
  #claims = 0;
  #broken = 0;

  get claims(): number {
    return this.#claims;
  }

  get broken(): number {
    return this.#broken;
  }

  chapter(title: string): void {
    this.#chapters += 1;
    console.log(`\n${colors.bold(`${this.#chapters}  ${title}`)}`);
  }

  /** What happens now, without a claim. */
  note(text: string): void {
    console.log(`   ${colors.dim(`· ${text}`)}`);
  }

  /** @param seen what was seen instead, shown when the claim does not hold */
  claim(text: string, held: boolean, seen: unknown): void {
    this.#claims += 1;
    if (held) {
      console.log(`   ${colors.green('✓')} ${text}`);
      return;
    }
    this.#broken += 1;
    console.log(`   ${colors.red('✗')} ${text}\n     ${colors.red(`seen: ${JSON.stringify(seen)}`)}`);
  }

  /** A chapter that could not be told to its end. */
  broke(error: unknown): void {
    this.#claims += 1;
    this.#broken += 1;
    console.log(`   ${colors.red('✗')} ${error instanceof Error ? error.message : String(error)}`);
  }
}
