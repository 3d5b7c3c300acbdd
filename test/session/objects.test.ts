// The session matrix: what lives in one server.
import { ONE, SESSION_MODE, TWO, testMatrix } from './cells.ts';
import { CHANGES_OF_OBJECTS } from './changes-of-objects.ts';
import { ENDINGS, FORMS } from './endings.ts';

testMatrix(CHANGES_OF_OBJECTS, [
  { kind: ONE, endings: ENDINGS },
  { kind: TWO, endings: [...ENDINGS, ...FORMS] },
  { kind: SESSION_MODE, endings: ENDINGS.slice(0, 2) },
]);
