# SPDX-License-Identifier: Apache-2.0
# `colcon test`: one entry per folder of test/, and the style check. Entries whose tools are not
# installed are skipped with a reason; so are test modules that need an absent optional package.

execute_process(COMMAND ${THERMAL_POSE_PYTHON} -c "import pytest" RESULT_VARIABLE NO_PYTEST
  OUTPUT_QUIET ERROR_QUIET)
execute_process(COMMAND ${THERMAL_POSE_PYTHON} -m ruff --version RESULT_VARIABLE NO_RUFF
  OUTPUT_QUIET ERROR_QUIET)
if(NO_PYTEST)
  message(STATUS "pytest is missing (rosdep: python3-pytest): all tests are skipped")
endif()
execute_process(COMMAND ${THERMAL_POSE_PYTHON} -c "import torch" RESULT_VARIABLE NO_TORCH
  OUTPUT_QUIET ERROR_QUIET)
if(NO_TORCH)
  message(STATUS "torch is missing (requirements/torch.txt): the tests of the lab are skipped")
endif()
if(NO_RUFF)
  message(STATUS "ruff is missing (pip install ruff): the style check is skipped")
endif()

file(GLOB TEST_FOLDERS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/test CONFIGURE_DEPENDS
  ${CMAKE_CURRENT_SOURCE_DIR}/test/*)
foreach(FOLDER ${TEST_FOLDERS})
  file(GLOB_RECURSE TEST_FILES ${CMAKE_CURRENT_SOURCE_DIR}/test/${FOLDER}/test_*.py)
  if(NOT TEST_FILES)
    continue()
  endif()
  set(RESULT ${AMENT_TEST_RESULTS_DIR}/${PROJECT_NAME}/${FOLDER}.xunit.xml)
  set(SKIP "")
  if(NO_PYTEST OR (NO_TORCH AND FOLDER STREQUAL "lab"))
    set(SKIP SKIP_TEST)
  endif()
  ament_add_test(${FOLDER} ${SKIP}
    COMMAND ${THERMAL_POSE_PYTHON} -m pytest test/${FOLDER} -q -p no:cacheprovider
      --junit-xml=${RESULT} --junit-prefix=${PROJECT_NAME}
    ENV THERMAL_POSE_SKIP_MISSING=1
    RESULT_FILE ${RESULT}
    TIMEOUT 1800
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
endforeach()

set(SKIP "")
if(NO_RUFF)
  set(SKIP SKIP_TEST)
endif()
ament_add_test(ruff ${SKIP}
  COMMAND ${THERMAL_POSE_PYTHON} -m ruff check --no-cache .
  GENERATE_RESULT_FOR_RETURN_CODE_ZERO
  TIMEOUT 120
  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
