import { copyButtons } from "/page/copy.ts";

copyButtons();
