// The session matrix: changes of parameters.
import { ONE, SESSION_MODE, TWO, testMatrix } from './cells.ts';
import { CHANGES_OF_PARAMETERS } from './changes-of-parameters.ts';
import { ENDINGS, FORMS } from './endings.ts';

testMatrix(CHANGES_OF_PARAMETERS, [
  { kind: ONE, endings: ENDINGS },
  { kind: TWO, endings: [...ENDINGS, ...FORMS] },
  { kind: SESSION_MODE, endings: ENDINGS.slice(0, 2) },
]);
