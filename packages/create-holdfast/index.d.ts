/** What `npm create holdfast <folder>` does. */
export interface NewProject {
  /** The project's folder, made where there is none. */
  readonly folder: string;
  /** A folder with the tarballs of all packages, to install from. @default the registry */
  readonly from?: string;
}

/**
 * Makes the folder an npm package with Holdfast installed, and lets `holdfast init` write its files.
 * Blocks until everything is installed; overwrites no file.
 * @throws Error when there are no tarballs in `from`, or when npm fails
 */
export function createProject(project: NewProject): void;
