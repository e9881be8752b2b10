DROP TABLE checkpoints;
DROP FUNCTION refuse_change_of_checkpoints();
